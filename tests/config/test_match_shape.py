"""``match:`` of a route: its keys, and what each takes."""

from pathlib import Path

import pytest

from service.config.match_shape import MatchShape
from service.model import Matcher
from service.routing.match_keys import MATCH_KEYS
from tests.support.roundsman_yaml import ROUTE, File

NO_SETTINGS = (
    "fits no settings, which go by org and project; leave out event: settings-changed, or give it its own route"
)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_the_match_keys_are_those_of_the_rules() -> None:
    assert list(MatchShape.model_fields) == list(MATCH_KEYS)


@pytest.mark.parametrize(
    ("match", "claim"),
    [
        ("{branch: []}", "branch is an empty list; put something into it or remove it"),
        ('{branch: [main, ""]}', "branch 2 is an empty pattern; write what to match, or * for anything"),
        ('{branch: "!"}', "branch is an empty pattern; write what to match, or * for anything"),
        ('{branch: "v[0-9"}', "branch v[0-9 opens a [ that no ] closes; write [[] for the plain character"),
        ('{branch: "[]"}', "branch [] opens a [ that no ] closes; write [[] for the plain character"),
        ('{branch: "[a][!]"}', "branch [a][!] opens a [ that no ] closes; write [[] for the plain character"),
        ("{event: job-complete}", "event job-complete is not an event; did you mean job-completed?"),
        (
            "{event: ping}",
            "event ping is not an event; there are workflow-completed, job-completed, workflow-held, settings-changed",
        ),
        ("{status: [failed, cancelled]}", "status 2 cancelled never happens: CircleCI spells it canceled"),
        ('{status: "!cancelled"}', "status cancelled never happens: CircleCI spells it canceled"),
        ("{job: x}", "job can never match, since the route hears workflows only; add event: job-completed"),
        (
            "{job: x, event: job}",
            "event job is not an event; did you mean job-completed?",
        ),
        (
            "{job: x, event: workflow-completed}",
            "job can never match, since the route hears workflows only; add event: job-completed",
        ),
        ("{transition: fix}", "transition fix is no transition; there are broke, still_broken, fixed, passed"),
        (
            "{event: job-completed, transition: broke}",
            "transition fits no job; leave out event: job-completed",
        ),
        (
            "{event: job-completed, streak: 3}",
            "streak fits no job; leave out event: job-completed",
        ),
        ("{streak: many}", "streak many is no comparison; write it like '>= 3'"),
        ("{streak: '> 3m'}", "streak > 3m is no comparison; write it like '>= 3'"),
        ("{flaky: maybe}", "flaky maybe is neither true nor false; write one of them"),
        ("{flaky: 1}", "flaky 1 is neither true nor false; write one of them"),
        ("{flaky: True!}", "flaky True! is neither true nor false; write one of them"),
        ("{known_problem: []}", "known_problem is an empty list; put something into it or remove it"),
        ('{new_failure: ["true", "!"]}', "new_failure 2 ! is neither true nor false; write one of them"),
        ("{duration: 20m}", "duration 20m is no comparison; write it like '> 20m'"),
        ("{duration: 20}", "duration 20 is no comparison; write it like '> 20m'"),
        ('{duration: "> 20"}', "duration > 20 is no comparison; write it like '> 20m'"),
        ('{queue: "> 1.5x"}', "queue > 1.5x is no comparison; write it like '> 20m'"),
        ("{slower: 1.5}", "slower 1.5 is no comparison; write it like '> 1.5x'"),
        ('{slower: ["> 2x", "> 3"]}', "slower 2 > 3 is no comparison; write it like '> 1.5x'"),
        ("{class: broken}", "class broken is no class; there are new, flaky, infrastructure, known_problem, expected"),
        ('{pr: "#41"}', "pr #41 has a sign that no number has; write 41"),
        ('{pr: ""}', "pr is an empty pattern; write what to match, or * for anything"),
        (
            "{event: settings-changed, branch: main}",
            f"branch {NO_SETTINGS}",
        ),
        (
            "{event: [workflow-completed, settings-changed], transition: broke}",
            f"transition {NO_SETTINGS}",
        ),
        ("{event: job-completed, flaky: true}", "flaky fits no job; leave out event: job-completed"),
    ],
)
def test_a_match_that_cannot_be_meant_is_refused(file: File, match: str, claim: str) -> None:
    assert file.complaint(f"{ROUTE}    match: {match}\n") == f"roundsman.yaml:6: route 1: match.{claim}"


@pytest.mark.parametrize(
    ("match", "key", "patterns"),
    [
        ("{flaky: true}", "flaky", ("true",)),
        ("{flaky: false}", "flaky", ("false",)),
        ('{flaky: "false"}', "flaky", ("false",)),
        ("{known_problem: [true, false]}", "known_problem", ("true", "false")),
        ("{pr: 41}", "pr", ("41",)),
        ('{pr: [41, "*"]}', "pr", ("41", "*")),
        ("{streak: 3}", "streak", ("3",)),
        ('{duration: ["> 20m", "< 10s"]}', "duration", ("> 20m", "< 10s")),
        ("{class: new}", "class", ("new",)),
    ],
)
def test_what_yaml_reads_as_another_type_is_taken(file: File, match: str, key: str, patterns: tuple[str, ...]) -> None:
    assert file.load(f"{ROUTE}    match: {match}\n").routes[0].matchers == (Matcher(key=key, patterns=patterns),)
