"""Usual durations of a time beside those of the time before."""

from dataclasses import replace

from service.message.digest import SlowWorkflow, place_of
from service.model import Color, Event, RunState, Transition
from service.pipeline.digests.digest_times import durations_of, usual_times
from tests.support.example_events import FAILED

MINUTE = 60_000


def test_the_slowest_comes_first_with_what_was_usual_before() -> None:
    found = usual_times({"a": [MINUTE] * 5, "b": [3 * MINUTE] * 6}, {"b": [2 * MINUTE] * 5})

    assert found == [
        SlowWorkflow(place="b", usual_ms=3 * MINUTE, runs=6, before_ms=2 * MINUTE),
        SlowWorkflow(place="a", usual_ms=MINUTE, runs=5),
    ]


def test_of_fewer_than_five_green_runs_nothing_is_usual() -> None:
    assert usual_times({"a": [MINUTE] * 4}, {}) == []


def test_one_that_takes_a_fifth_and_half_a_minute_longer_is_slowing() -> None:
    before = {"little": [10 * MINUTE] * 5, "much": [10 * MINUTE] * 5, "short": [1000] * 5, "new": [MINUTE] * 4}
    now = {"little": [11 * MINUTE] * 5, "much": [12 * MINUTE] * 5, "short": [20_000] * 5, "new": [9 * MINUTE] * 5}

    assert [one.place for one in usual_times(now, before) if one.is_slowing] == ["much"]


def ended(color: Color | None, minutes: int | None) -> Event:
    """A run of a color, or none, that took so long."""
    run = (
        RunState(run_id=FAILED.id, event_id=FAILED.id, track_id=1, color=color, transition=Transition.PASSED)
        if color
        else None
    )
    return replace(FAILED, run=run, duration_ms=None if minutes is None else minutes * MINUTE)


def test_green_runs_that_say_how_long_they_took_count_in_their_order() -> None:
    runs = [ended(Color.GREEN, 3), ended(Color.RED, 9), ended(None, 9), ended(Color.GREEN, None), ended(Color.GREEN, 1)]

    assert durations_of(runs) == {place_of(FAILED): [3 * MINUTE, MINUTE]}
