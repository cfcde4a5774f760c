"""Warnings about reminders that never come."""

from pathlib import Path

import pytest

from tests.support.roundsman_yaml import ROUTE, File

CLAIM = "does nothing: its route is told of no branch that is red; match such runs, or remove it"


@pytest.mark.parametrize(
    "match",
    [
        "transition: fixed",
        "transition: [fixed, passed]",
        "status: success",
        "status: [canceled, not_run]",
        "event: job-completed",
        "tag: v*",
        'transition: ["!broke", "!still_broken"]',
    ],
)
def test_a_reminder_on_a_route_that_hears_of_no_red_branch_is_doubted(tmp_path: Path, match: str) -> None:
    written = f"{ROUTE}    match: {{{match}}}\n    repeat: 4h\n    escalate: {{after: 2h, receiver: team}}\n"

    found = [one for one in File(tmp_path).warnings(written) if CLAIM in one]

    assert found == [
        f"roundsman.yaml:7: route 1: repeat {CLAIM}",
        f"roundsman.yaml:8: route 1: escalate {CLAIM}",
    ]


@pytest.mark.parametrize(
    "match",
    ["branch: main", "status: failed", "transition: [broke, fixed]", "transition: still_broken", 'status: "!canceled"'],
)
def test_one_on_a_route_that_hears_of_red_branches_is_not(tmp_path: Path, match: str) -> None:
    assert [w for w in File(tmp_path).warnings(f"{ROUTE}    match: {{{match}}}\n    repeat: 4h\n") if CLAIM in w] == []
