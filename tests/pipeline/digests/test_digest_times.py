"""Usual durations of a time beside those of the time before."""

from service.message.digest import SlowWorkflow
from service.pipeline.digests.digest_times import usual_times

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
