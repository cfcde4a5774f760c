"""The SQL of our records, one noun to a file.

Functions work within a transaction that the caller opens, so that what belongs together is written together. What all
share stands here: rows and values, ids, cursors, bodies.

    deliveries     what was posted, byte for byte
    events         what it says, and what was decided on it
    search         the terms, names and places by which events are found
    runs           runs of workflows, and the tracks that they form
    incidents      what is broken, and what people say of it
    test_history   tests that failed, with their results
    notifications  what each channel was told, and each attempt
    circleci       what CircleCI was asked, and its answers
    audit          seals, and acts of operators
    reports        rows for pages, digests and back-tests
    people         sessions and saved views
    upkeep         heartbeats, alarms, retention
"""
