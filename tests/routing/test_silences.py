"""The silence that fits an event."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from service.model import Event, Matcher, Silence
from service.routing.silences import find_silence, silence_reason
from tests.support.example_events import FAILED, JOB, NOON, matcher


def silence(*matchers: Matcher, id_: int = 1, hours: float = 1) -> Silence:
    return Silence(
        id=UUID(int=id_ << 96),
        matchers=matchers,
        starts_at=NOON,
        ends_at=NOON + timedelta(hours=hours),
        who="linh",
        comment="the runner is being replaced",
        created_at=NOON,
    )


MAIN = silence(matcher("branch", "main"))


@pytest.mark.parametrize("event", [FAILED, JOB])
def test_a_silence_without_an_event_fits_workflows_and_jobs(event: Event) -> None:
    assert find_silence(event, [MAIN], NOON) == MAIN


def test_all_matchers_must_fit() -> None:
    both = silence(matcher("branch", "main"), matcher("project", "gh/acme/*", "!gh/acme/web"))

    assert find_silence(FAILED, [both], NOON) is None
    assert find_silence(FAILED, [silence(matcher("event", "job-completed"))], NOON) is None


def test_it_acts_from_its_begin_until_before_its_end() -> None:
    times = [NOON - timedelta(seconds=1), NOON, NOON + timedelta(minutes=59), MAIN.ends_at]

    assert [find_silence(FAILED, [MAIN], time) for time in times] == [None, MAIN, MAIN, None]


def test_of_several_the_one_that_ends_last_is_named() -> None:
    longer = silence(matcher("branch", "*"), id_=2, hours=2)

    assert find_silence(FAILED, [MAIN, longer], NOON) == longer


def test_the_reason_names_who_until_when_and_why() -> None:
    assert silence_reason(replace(MAIN, id=UUID("3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"))) == (
        "silenced until 2026-11-22 13:00 UTC by linh: the runner is being replaced (silence 3f2c8a52)"
    )
