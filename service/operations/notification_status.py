"""How far it is with telling a channel, in words: a page and a terminal say the same of the same notification."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.model import NotificationState, Outcome
from service.operations.json_shapes import Json

# Each in words for a first message, and for one that was asked for again: whoever was told stays told.
NOW = {
    NotificationState.PENDING: ("to be sent", "a resend is to be sent"),
    NotificationState.SENDING: ("being sent now", "a resend is being sent now"),
    NotificationState.DEAD: ("not delivered", "a resend was not delivered"),
    NotificationState.DISMISSED: ("not delivered, dismissed", "a resend was not delivered, dismissed"),
}
PUT_OFF = ("put off, next attempt", "a resend was put off, next attempt")


@dataclass(frozen=True, kw_only=True)
class StatusPhrase:
    """One thing to say of a notification; ``time`` is when that was or will be, in RFC 3339, where it has a time."""

    state: NotificationState
    words: str
    time: str | None = None


def status_phrases(notification: Json) -> list[StatusPhrase]:
    """What is to be said of a notification: when it was told, and what becomes of it now."""
    state, was_sent = NotificationState(notification["state"]), notification["sent_at"] is not None
    said = list(_told(notification))
    if is_put_off(notification):
        said.append(StatusPhrase(state=state, words=PUT_OFF[was_sent], time=notification["next_attempt_at"]))
    elif state in NOW:
        said.append(StatusPhrase(state=state, words=NOW[state][was_sent]))
    return said


def is_put_off(notification: Json) -> bool:
    """An attempt did not work, and there will be another."""
    return notification["state"] == NotificationState.PENDING and notification["reason"] is not None


def _told(notification: Json) -> Iterator[StatusPhrase]:
    if notification["sent_at"] is not None:
        yield StatusPhrase(state=NotificationState.SENT, words="told", time=notification["sent_at"])
    sent = [attempt["ended_at"] for attempt in notification["attempts"] if attempt["outcome"] == Outcome.SENT]
    if len(sent) > 1:
        yield StatusPhrase(state=NotificationState.SENT, words="told again", time=sent[-1])
