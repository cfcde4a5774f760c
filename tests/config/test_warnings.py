"""Warnings about roundsman.yaml, which do not stop the start."""

from pathlib import Path

import pytest

from tests.support.roundsman_yaml import ROUTE, TEAM, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_route_that_hears_what_one_above_leaves_gets_a_warning(file: File) -> None:
    changes = "{receiver: team, match: {branch: main, workflow: build}}"

    assert file.warnings(
        TEAM + f"routes: [{changes}, {{receiver: team, match: {{status: failed, branch: main}}}}]\n"
    ) == [
        (
            "roundsman.yaml:4: route 2 hears the runs that 'route 1' leaves too: what stays red or green; "
            "`transition` here, or `status` there, ends that"
        )
    ]
    assert (
        file.warnings(TEAM + f"routes: [{changes}, {{receiver: team, match: {{status: failed, branch: x}}}}]\n") == []
    )
    assert file.warnings(TEAM + f"routes: [{changes}, {{receiver: team, match: {{branch: main}}}}]\n") == []


NEVER = "roundsman.yaml:6: route 1: match can never fit: "
OF_ANY = "of no incident, and has no {}; leave one of the two out"


@pytest.mark.parametrize(
    ("match", "warning"),
    [
        ("{status: success, transition: broke}", "no run of this status has this transition; leave one of the two out"),
        (
            "{status: [failed, error], transition: [fixed, passed]}",
            "no run of this status has this transition; leave one of the two out",
        ),
        ("{status: canceled, transition: '*'}", None),  # not a transition: refused before
        (
            "{status: canceled, transition: broke}",
            "no run of this status has this transition; leave one of the two out",
        ),
        ("{status: canceled, flaky: true}", f"such a run is part {OF_ANY.format('flaky')}"),
        ('{transition: passed, streak: ">= 2"}', f"such a run is part {OF_ANY.format('streak')}"),
        ("{transition: passed, class: new}", f"such a run is part {OF_ANY.format('class')}"),
    ],
)
def test_match_that_no_run_fits_gets_a_warning(file: File, match: str, warning: str | None) -> None:
    if warning is None:
        assert file.complaints(f"{ROUTE}    match: {match}\n")
        return
    assert file.warnings(f"{ROUTE}    match: {match}\n") == [NEVER + warning]


@pytest.mark.parametrize(
    "match",
    [
        "{status: success, transition: [broke, fixed]}",
        '{status: "!success", transition: broke}',
        '{status: "fail*", transition: still_broken}',
        "{status: success, flaky: true}",
        "{transition: fixed, known_problem: true}",
        '{transition: passed, class: "!infrastructure"}',
        '{streak: ">= 1"}',
        '{streak: "> 0"}',
        '{duration: "> 0s"}',
        '{slower: ["> 1.5x", "< 0.5x"]}',
    ],
)
def test_match_that_runs_may_fit_gets_none(file: File, match: str) -> None:
    assert file.warnings(f"{ROUTE}    match: {match}\n") == []


@pytest.mark.parametrize(
    ("key", "written", "warning"),
    [
        ("streak", ">= 0", "fits any amount; choose a higher one or leave it out"),
        ("streak", "0", "fits none, since the least is 1; choose a higher one"),
        ("streak", "< 1", "fits none, since the least is 1; choose a higher one"),
        ("duration", "< 0s", "fits none, since the least is 0; choose a higher one"),
        ("duration", ">= 0m", "fits any amount; choose a higher one or leave it out"),
        ("slower", "< 0x", "fits none, since the least is 0; choose a higher one"),
    ],
)
def test_comparison_that_fits_none_or_all_gets_a_warning(file: File, key: str, written: str, warning: str) -> None:
    assert file.warnings(f'{ROUTE}    match: {{{key}: "{written}"}}\n') == [
        f"roundsman.yaml:6: route 1: match.{key} {written} {warning}"
    ]


def test_receiver_that_no_route_names_gets_a_warning(file: File) -> None:
    assert file.warnings(TEAM + "routes: []\n") == [
        "roundsman.yaml:2: receivers.team hears of nothing: no route names it"
    ]


@pytest.mark.parametrize(
    ("routes", "places"),
    [
        (["{receiver: team}", "{receiver: team}"], [1]),
        (["{receiver: team, continue: true}", "{receiver: team}"], []),
        (["{receiver: team, match: {branch: '*', status: '*'}}", "{receiver: team}"], []),
        (["{receiver: team}", "{receiver: team, match: {event: job-completed}}"], []),
        (["{receiver: team, match: {event: job-completed}}", "{receiver: team, match: {branch: main}}"], []),
        (
            [
                "{receiver: team, match: {event: job-completed}}",
                "{receiver: team}",
                "{receiver: team, match: {event: [workflow-completed, job-completed], branch: main}}",
            ],
            [2],
        ),
    ],
)
def test_route_that_is_never_reached_gets_a_warning(file: File, routes: list[str], places: list[int]) -> None:
    warnings = file.warnings(TEAM + "routes:\n" + "".join(f"  - {route}\n" for route in routes))

    assert [warning.partition(" is never reached")[0] for warning in warnings] == [
        f"roundsman.yaml:{place + 5}: route {place + 1}" for place in places
    ]


def test_warning_names_every_route_in_the_way(file: File) -> None:
    text = (
        TEAM
        + """\
routes:
  - {receiver: team, name: jobs, match: {event: job-completed}}
  - {receiver: team, name: all}
  - {receiver: team, match: {event: [workflow-completed, job-completed]}}
"""
    )

    assert file.warnings(text) == [
        "roundsman.yaml:7: route 3 is never reached: all it hears goes to 'jobs' and 'all' before"
    ]


@pytest.mark.parametrize(
    ("match", "doubt"),
    [
        ("status: fail", "status fail is not a known status; did you mean failed?"),
        ("status: '!successful'", "status successful is not a known status; did you mean success?"),
        ("status: FAILED", "status FAILED is not a known status; did you mean failed?"),
        ("status: 'Fail*'", "status Fail* is not a known status; did you mean failed?"),
        (
            "status: red",
            "status red is not a known status; there are success, failed, error, canceled, unauthorized, not_run",
        ),
        (
            "project: shop",
            "project shop fits no project, since it names no organization; did you mean '*/shop', or org: shop?",
        ),
        (
            "project: '!shop'",
            "project shop fits no project, since it names no organization; did you mean '*/shop', or org: shop?",
        ),
        ("project: gh/acme", "project gh/acme fits no project, since it names none; did you mean gh/acme/*?"),
        ("project: gh/acme/", "project gh/acme/ fits no project, since it names none; did you mean gh/acme/*?"),
        ("project: GH/acme/*", "project GH/acme/* fits no project, since case counts; did you mean gh/acme/*?"),
        (
            "project: https://github.com/acme/web.git",
            "project https://github.com/acme/web.git is an address and not a project; did you mean gh/acme/web?",
        ),
        (
            "project: bitbucket.org/acme/*",
            "project bitbucket.org/acme/* is an address and not a project; did you mean bb/acme/*?",
        ),
        (
            "branch: [main release/*]",
            "branch main release/* fits none, since no name of one has a space; for a list write [main, 'release/*']",
        ),
        ("tag: v1 v2", "tag v1 v2 fits none, since no name of one has a space; for a list write [v1, v2]"),
        ("org: gh/acme", "org gh/acme fits no organization, since no name of one has a slash; did you mean acme?"),
        (
            "branch: refs/heads/main",
            "branch refs/heads/main is a ref, and CircleCI gives the name alone; did you mean main?",
        ),
        ("tag: refs/tags/v*", "tag refs/tags/v* is a ref, and CircleCI gives the name alone; did you mean v*?"),
        (
            "branch: 'main, release/*'",
            "branch main, release/* is one pattern; for a list write [main, 'release/*']",
        ),
        ("branch: 'main,'", "branch main, is one pattern; for a list write [main]"),
        ("tag: 'v1,*'", "tag v1,* is one pattern; for a list write [v1, '*']"),
        ("project: '*/web,*/api'", "project */web,*/api is one pattern; for a list write ['*/web', '*/api']"),
        ("actor: '!ada, bob'", "actor ada, bob is one pattern; for a list write [ada, bob]"),
        ("workflow: 'build, test'", "workflow build, test is one pattern; for a list write [build, test]"),
        ("trigger: Webhook", "trigger Webhook is not a known trigger; did you mean webhook?"),
        (
            "trigger: [webhook, scheduled_pipline]",
            "trigger scheduled_pipline is not a known trigger; did you mean scheduled_pipeline?",
        ),
    ],
)
def test_word_that_fits_no_known_one_gets_a_warning(file: File, match: str, doubt: str) -> None:
    assert file.warnings(ROUTE + f"    match: {{{match}}}\n") == [f"roundsman.yaml:6: route 1: match.{doubt}"]


@pytest.mark.parametrize(
    "match",
    [
        "status: [failed, error, 'infra*', '*', timedout, '!success', 'f[a-z]iled']",
        "project: [gh/acme/web, acme/web, '*', '*shop', 'gh/*', circleci/4xYz/9aBc, github/acme/web, '*/shop']",
        "org: [acme, 'ac*']",
        "branch: [main, feature/heads, '*']",
        "trigger: [webhook, scheduled_pipeline, bitbucket_server, 'sched*']",
        "workflow: [build/deploy, FAILED]",
        "workflow: ['test (linux, 3.11)', 'test {linux, 3.11}']",
        "author: 'Lovelace, Ada'",
    ],
)
def test_word_that_may_fit_gets_no_warning(file: File, match: str) -> None:
    assert file.warnings(ROUTE + f"    match: {{{match}}}\n") == []


@pytest.mark.parametrize(
    ("match", "doubt"),
    [
        (
            "actor: '!renovate[bot]'",
            (
                r"actor !renovate[bot] fits that name, but also takes [bot] as one of the characters in it; "
                r"for the brackets themselves write '!renovate\[bot]'"
            ),
        ),
        (
            "author: '*[bot]'",
            r"author *[bot] takes [bot] as one of the characters in it; for the brackets themselves write '*\[bot]'",
        ),
        (
            "workflow: [main, 'test [linux, 3.11]']",
            (
                r"workflow test [linux, 3.11] fits that name, but also takes [linux, 3.11] as one of the characters in "
                r"it; for the brackets themselves write 'test \[linux, 3.11]'"
            ),
        ),
        (
            r"author: 'CORP\*'",
            r"author CORP\* takes \* as a plain *; for a backslash before anything write \\*",
        ),
        (
            "job: 'ready?', event: job-completed",
            r"job ready? fits that name, but also takes ? as any character; for the name alone write 'ready\?'",
        ),
    ],
)
def test_pattern_that_may_be_a_name_gets_a_warning(file: File, match: str, doubt: str) -> None:
    assert file.warnings(f"{ROUTE}    match: {{{match}}}\n") == [f"roundsman.yaml:6: route 1: match.{doubt}"]


@pytest.mark.parametrize(
    "match",
    [
        r"actor: '!renovate\[bot]'",
        "workflow: 'v[0-9]*'",
        "workflow: 'deploy-?'",
        "workflow: '*e?'",
        "branch: 'release/[12]'",
    ],
)
def test_pattern_with_one_meaning_gets_no_warning(file: File, match: str) -> None:
    assert file.warnings(f"{ROUTE}    match: {{{match}}}\n") == []


def test_route_with_an_actor_but_no_token_gets_a_warning(file: File) -> None:
    text = ROUTE + "    match: {actor: ada}\n"

    assert file.warnings(text) == []
    assert file.load(text).warnings == (
        "route 1 asks for the actor, whom only CircleCI's API knows; set ROUNDSMAN_CIRCLECI_TOKEN",
    )


ASKED = "only CircleCI's API knows it; set ROUNDSMAN_CIRCLECI_TOKEN"


@pytest.mark.parametrize(
    ("match", "asked"),
    [
        ('duration: "> 20m"', "duration: > 20m"),
        ('duration: ["> 20m", ">= 5m"]', "duration: > 20m or >= 5m"),
        ('slower: "> 1.5x"', "slower: > 1.5x"),
        ('queue: "< 5m"', "queue: < 5m"),
        ('pr: "*"', "pr: *"),
        ("flaky: true", "flaky: true"),
        ("known_problem: true", "known_problem: true"),
        ("new_failure: false", "new_failure: false"),
    ],
)
def test_a_match_that_never_fits_without_a_token_gets_a_warning(file: File, match: str, asked: str) -> None:
    text = f"{ROUTE}    name: long ones\n    match: {{{match}}}\n"

    assert file.warnings(text) == []
    assert file.load(text).warnings == (f"route 'long ones' asks for {asked}, which fits no run: {ASKED}",)


@pytest.mark.parametrize(
    "match",
    [
        'duration: "< 20m"',
        'duration: ["> 20m", "<= 5m"]',
        'duration: "!> 20m"',
        'pr: "!*"',
        "flaky: false",
        "new_failure: true",
        "class: infrastructure",
        'event: job-completed, duration: "> 20m"',
    ],
)
def test_a_match_that_may_fit_without_a_token_gets_no_warning(file: File, match: str) -> None:
    assert file.load(f"{ROUTE}    match: {{{match}}}\n").warnings == ()


def test_a_route_with_a_name_is_named_by_it_and_others_are_counted_from_1(file: File) -> None:
    routes = "routes:\n  - {receiver: team}\n  - {name: reds, receiver: team}\n"

    assert file.warnings(TEAM + routes) == [
        "roundsman.yaml:6: route 'reds' is never reached: all it hears goes to 'route 1' before"
    ]
