"""Pauses between attempts: longer each time, and jittered, so that failures do not repeat in step."""

from datetime import timedelta

import pytest

from service.pipeline.context import RetryPolicy


@pytest.mark.parametrize(("tries", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (7, 320), (8, 600), (500, 600)])
def test_the_pause_doubles_up_to_the_longest(tries: int, seconds: int) -> None:
    assert RetryPolicy(jitter=lambda: 0.5).pause(tries) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("chance", "part"), [(0.0, 0.75), (0.5, 1.0), (1.0, 1.25)])
def test_the_pause_is_given_or_taken_a_quarter(chance: float, part: float) -> None:
    assert RetryPolicy(jitter=lambda: chance).pause(2) == timedelta(seconds=10) * part


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_the_pause_is_never_shorter_than_the_other_side_asked_for(chance: float) -> None:
    assert RetryPolicy(jitter=lambda: chance).pause(1, asked_for_s=30) == timedelta(seconds=30)


def test_chance_is_left_to_chance() -> None:
    pauses = {RetryPolicy().pause(1) for _ in range(20)}

    assert len(pauses) > 1
    assert all(timedelta(seconds=3.75) <= pause <= timedelta(seconds=6.25) for pause in pauses)
