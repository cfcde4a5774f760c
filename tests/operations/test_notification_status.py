"""What is said of a notification: one sentence for a page and a terminal, whatever has become of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from service.model import Attempt, Notification, NotificationState, Outcome
from service.operations.json_shapes import Json, notification_json
from service.operations.notification_status import CURRENT_PHRASES, is_put_off, status_phrases

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWED = Notification(
    id=UUID(int=7),
    event_id=UUID(int=1),
    topic="t",
    route="red",
    receiver="web",
    channel_key="k",
    channel_label="web (json)",
    channel_kind="json",
    state=NotificationState.PENDING,
    attempts=0,
    created_at=NOON,
    next_attempt_at=NOON + timedelta(minutes=1),
    give_up_at=NOON + timedelta(hours=1),
)


def shape(*sent: datetime, reason: str | None = None, state: NotificationState = NotificationState.SENT) -> Json:
    """A notification that arrived at these times."""
    attempts = [
        Attempt(notification_id=OWED.id, number=number, started_at=at, ended_at=at, outcome=Outcome.SENT)
        for number, at in enumerate(sent, start=1)
    ]
    changed = replace(OWED, state=state, reason=reason, sent_at=sent[0] if sent else None)
    return notification_json(changed, attempts, [])


def words(notification: Json) -> list[tuple[str, str | None]]:
    return [(said.words, said.time) for said in status_phrases(notification)]


def test_one_that_was_told_has_its_time() -> None:
    assert words(shape(NOON)) == [("told", "2026-11-22T12:00:00.000Z")]


def test_one_that_was_told_again_has_both_times() -> None:
    later, latest = NOON + timedelta(hours=1), NOON + timedelta(hours=2)

    assert words(shape(NOON, later, latest)) == [
        ("told", "2026-11-22T12:00:00.000Z"),
        ("told again", "2026-11-22T14:00:00.000Z"),
    ]


@pytest.mark.parametrize("state", CURRENT_PHRASES)
def test_told_once_is_told_for_good(state: NotificationState) -> None:
    first, resend = words(shape(state=state)), words(shape(NOON, state=state))

    assert first == [(CURRENT_PHRASES[state][0], None)]
    assert resend == [("told", "2026-11-22T12:00:00.000Z"), (CURRENT_PHRASES[state][1], None)]


def test_one_that_was_put_off_says_when_it_is_tried_again() -> None:
    notification = shape(reason="answered 503", state=NotificationState.PENDING)

    assert is_put_off(notification)
    assert words(notification) == [("put off, next attempt", "2026-11-22T12:01:00.000Z")]


def test_every_state_that_is_not_an_arrival_has_words() -> None:
    assert set(CURRENT_PHRASES) == set(NotificationState) - {NotificationState.SENT}
