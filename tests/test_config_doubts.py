"""What roundsman.yaml may say but hardly means: told at the start, and in nobody's way."""

from pathlib import Path

import pytest

from tests.roundsman_yaml import ROUTE, TEAM, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_a_receiver_that_no_route_names_is_doubted(file: File) -> None:
    assert file.warnings(TEAM + "routes: []\n") == [
        "roundsman.yaml:2: receivers.team hears of nothing: no route names it"
    ]


@pytest.mark.parametrize(
    ("routes", "places"),
    [
        (["{receiver: team}", "{receiver: team}"], [1]),
        (["{receiver: team, continue: true}", "{receiver: team}"], []),
        (["{receiver: team, match: {branch: '*'}}", "{receiver: team}"], []),
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
def test_a_route_that_is_never_reached_is_doubted(file: File, routes: list[str], places: list[int]) -> None:
    warnings = file.warnings(TEAM + "routes:\n" + "".join(f"  - {route}\n" for route in routes))

    assert [warning.partition(" is never reached")[0] for warning in warnings] == [
        f"roundsman.yaml:{place + 5}: routes[{place}]" for place in places
    ]


def test_a_doubt_names_every_route_in_the_way(file: File) -> None:
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
        "roundsman.yaml:7: routes[2] is never reached: all it hears goes to 'jobs' and 'all' before"
    ]


def test_a_status_that_looks_misspelt_is_doubted_and_a_new_one_is_not(file: File) -> None:
    assert file.warnings(ROUTE + "    match: {status: [fail, 'infra*', '!successful', failed]}\n") == [
        "roundsman.yaml:6: routes[0].match.status fail is not a known status; did you mean failed?",
        "roundsman.yaml:6: routes[0].match.status successful is not a known status; did you mean success?",
    ]


def test_asking_for_the_actor_without_a_token_is_doubted(file: File) -> None:
    text = ROUTE + "    match: {actor: ada}\n"

    assert file.warnings(text) == []
    assert file.load(text).warnings == (
        "route 'route 1' asks for the actor, whom only CircleCI's API knows; set ROUNDSMAN_CIRCLECI_TOKEN",
    )
