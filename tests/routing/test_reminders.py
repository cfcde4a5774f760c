"""Reminders of an incident, and who answers for it."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from service.model import Closing, Incident, Taken
from service.routing.reminders import MUTED, NOT_OPEN, TAKEN, has_it, number_due, why_silent
from tests.support.example_events import NOON

HOUR = timedelta(hours=1)
INCIDENT = Incident(id=UUID(int=1), track_id=1, opened_at=NOON, opened_by=UUID(int=2), last_red=UUID(int=3), streak=1)


def taken(
    until: datetime | None = None, fingerprint: str | None = None, fingerprint_now: str | None = None
) -> Incident:
    said = Taken(by="ada", at=NOON, until=until, fingerprint=fingerprint)
    return replace(INCIDENT, taken=said, fingerprint=fingerprint_now)


@pytest.mark.parametrize(
    ("incident", "is_had"),
    [
        (INCIDENT, False),
        (taken(), True),
        (taken(until=NOON + HOUR), True),
        (taken(until=NOON), False),
        (taken(until=NOON - HOUR), False),
        (taken(fingerprint="a", fingerprint_now="a"), True),
        (taken(fingerprint="a", fingerprint_now=None), True),
        (taken(fingerprint="a", fingerprint_now="b"), False),
        (taken(fingerprint=None, fingerprint_now="b"), True),
    ],
)
def test_taker_has_an_incident_until_the_time_or_another_failure(incident: Incident, *, is_had: bool) -> None:
    assert has_it(incident, NOON) is is_had
    assert why_silent(incident, NOON) == (TAKEN if is_had else None)


@pytest.mark.parametrize(
    ("incident", "reason"),
    [
        (replace(taken(), closed_because=Closing.GREEN), NOT_OPEN),
        (replace(INCIDENT, merged_into=UUID(int=9)), NOT_OPEN),
        (replace(taken(), muted_until=NOON + HOUR), TAKEN),
        (replace(INCIDENT, muted_until=NOON + HOUR), MUTED),
        (replace(INCIDENT, muted_until=NOON), None),
    ],
)
def test_reason_of_silence_is_the_first_that_holds(incident: Incident, reason: str | None) -> None:
    assert why_silent(incident, NOON) == reason


@pytest.mark.parametrize(("after_s", "number"), [(-1, 0), (0, 0), (59, 0), (60, 1), (119, 1), (120, 2)])
def test_reminder_is_due_after_each_whole_span(after_s: int, number: int) -> None:
    assert number_due(NOON, 60, NOON + timedelta(seconds=after_s)) == number
