"""The time for which news of a red run wait for its rerun."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.model import Color, Run, Workflow
from service.routing.patience import (
    MARGIN,
    MAX_WAIT,
    MAX_WAITS,
    MIN_WAIT,
    default_wait,
    is_manual_rerun,
    may_be_rerun,
    wait_ends_at,
)
from tests.support.example_events import FAILED, NOON

MINUTE = timedelta(minutes=1)


def a_run(number: int, begin: int, end: int, *, setup_color: Color | None = None) -> Run:
    return Run(
        id=UUID(int=number),
        event_id=UUID(int=number),
        track_id=1,
        pipeline_number=7,
        created_at=NOON + begin * MINUTE,
        stopped_at=NOON + end * MINUTE,
        color=Color.RED,
        setup_color=setup_color,
    )


@pytest.mark.parametrize(
    ("status", "number", "most", "is_expected"),
    [
        ("failed", None, 2, True),
        ("failed", 1, 2, True),
        ("failed", 2, 2, False),
        ("failed", None, 0, False),
        ("failed", None, None, False),
        ("error", None, 2, False),
    ],
)
def test_rerun_is_expected_of_a_failed_workflow_while_some_are_left(
    status: str, number: int | None, most: int | None, *, is_expected: bool
) -> None:
    workflow = Workflow(name="build", auto_rerun_number=number, max_auto_reruns=most)

    assert may_be_rerun(replace(FAILED, status=status, workflow=workflow)) is is_expected


@pytest.mark.parametrize(
    ("siblings", "is_manual"),
    [
        ([], False),
        ([a_run(1, 5, 9)], False),  # itself
        ([a_run(2, 0, 4)], True),
        ([a_run(2, 0, 5)], False),  # side by side
        ([a_run(2, 0, 4, setup_color=Color.GREEN)], False),  # it only set up others
    ],
)
def test_rerun_is_manual_that_began_after_another_run_had_ended(siblings: list[Run], *, is_manual: bool) -> None:
    run = a_run(1, 5, 9)

    assert is_manual_rerun(FAILED, run, siblings) is is_manual


def test_rerun_with_a_number_is_none_of_a_person() -> None:
    numbered = replace(FAILED, workflow=Workflow(name="build", auto_rerun_number=1))

    assert not is_manual_rerun(numbered, a_run(1, 5, 9), [a_run(2, 0, 4)])


@pytest.mark.parametrize(
    ("usual", "wait"),
    [
        (None, MAX_WAIT),
        (MINUTE, MIN_WAIT),
        (10 * MINUTE, 10 * MINUTE + MARGIN),
        (MAX_WAIT, MAX_WAIT),
    ],
)
def test_wait_is_the_usual_duration_and_some_time_between_five_and_thirty_minutes(
    usual: timedelta | None, wait: timedelta
) -> None:
    assert default_wait(usual) == wait
    assert (MIN_WAIT, MAX_WAIT) == (5 * MINUTE, 30 * MINUTE)


def test_wait_begins_anew_with_each_red_but_ends_after_three_in_all() -> None:
    wait = 10 * MINUTE

    assert wait_ends_at(ended_at=NOON, first_red_at=NOON, wait=wait) == NOON + wait
    assert wait_ends_at(ended_at=NOON + 25 * MINUTE, first_red_at=NOON, wait=wait) == NOON + MAX_WAITS * wait
    assert MAX_WAITS == 3
