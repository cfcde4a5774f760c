"""The operator's tasks as plain functions, for pages, API and commands alike.

What all share stands here: shapes of JSON, times, ids, searches, and acts on what has no folder.

    overviews     what is red now, by project and by workflow
    builds        the story of a build, its files, and acts on it
    incidents     incidents, known problems and silences
    test_history  tests that failed, judged by their results
    figures       insights and usage of a month
    simulation    routes on simulated time: their tests, and back-tests
    hooks         what Roundsman keeps at CircleCI: hooks, exporters, schedules
    checks        configuration, rights and surroundings
    health        the service itself, and its first run
"""
