"""The status of a notification as phrases, the same for pages and terminal."""

from collections.abc import Iterator
from dataclasses import dataclass

from service.model import NotificationState, Outcome, WaitsFor
from service.operations.json_shapes import Json
from service.store.notifications.summaries import UNTOLD

# Each in two phrases: for a first message, and for a resend (the channel has a message already).
CURRENT_PHRASES = {
    NotificationState.PENDING: ("to be sent", "a resend is to be sent"),
    NotificationState.SENDING: ("being sent now", "a resend is being sent now"),
    NotificationState.DEAD: ("not delivered", "a resend was not delivered"),
    NotificationState.DISMISSED: ("not delivered, dismissed", "a resend was not delivered, dismissed"),
    NotificationState.DROPPED: ("not sent", "a resend was dropped"),
}
RETRY_PHRASES = ("put off, next attempt", "a resend was put off, next attempt")

WAITING_PHRASES = {
    WaitsFor.RERUN: "waits for an automatic rerun until",
    WaitsFor.HOURS: "quiet hours, waits until",
    WaitsFor.SILENCE: "silenced, told if it still counts at",
    WaitsFor.GROUP: "waits for others of its group until",
    WaitsFor.MUTE: "its incident is muted, told if it still counts at",
}
WAIT_WORDS = {
    WaitsFor.DETAILS: "details",
    WaitsFor.RERUN: "rerun",
    WaitsFor.GROUP: "group",
    WaitsFor.HOURS: "hours",
    WaitsFor.SILENCE: "silence",
    WaitsFor.MUTE: "mute",
}
"""Single words for a table; of a retry, the state says it already."""
TOLD_WITH_OTHERS = "told in one message with others"


@dataclass(frozen=True, kw_only=True)
class StatusPhrase:
    """One phrase about a notification.

    time   of the past or coming event, in RFC 3339; None if it has no time
    """

    state: NotificationState
    words: str
    time: str | None = None


def status_phrases(notification: Json) -> list[StatusPhrase]:
    """Return the phrases of a notification: deliveries so far, then the current state."""
    state, was_sent = NotificationState(notification["state"]), notification["sent_at"] is not None
    said = list(_sent_phrases(notification))
    if is_put_off(notification):
        said.append(StatusPhrase(state=state, words=RETRY_PHRASES[was_sent], time=notification["next_attempt_at"]))
    elif notification["waits_for"] in WAITING_PHRASES:
        words = WAITING_PHRASES[WaitsFor(notification["waits_for"])]
        said.append(StatusPhrase(state=state, words=words, time=notification["next_attempt_at"]))
    elif state is NotificationState.DROPPED and notification["reason"] == UNTOLD:
        said.append(StatusPhrase(state=NotificationState.DEAD, words=CURRENT_PHRASES[NotificationState.DEAD][0]))
    elif state is NotificationState.DROPPED and notification["told_in"] is not None:
        said.append(StatusPhrase(state=state, words=f"to be {TOLD_WITH_OTHERS}"))
    elif state in CURRENT_PHRASES:
        said.append(StatusPhrase(state=state, words=CURRENT_PHRASES[state][was_sent]))
    return said


def is_put_off(notification: Json) -> bool:
    """Return True if an attempt failed and another will follow."""
    return notification["state"] == NotificationState.PENDING and notification["reason"] is not None


def _sent_phrases(notification: Json) -> Iterator[StatusPhrase]:
    if notification["sent_at"] is not None:
        words = TOLD_WITH_OTHERS if notification["told_in"] is not None else "told"
        yield StatusPhrase(state=NotificationState.SENT, words=words, time=notification["sent_at"])
    sent = [attempt["ended_at"] for attempt in notification["attempts"] if attempt["outcome"] == Outcome.SENT]
    if len(sent) > 1:
        yield StatusPhrase(state=NotificationState.SENT, words="told again", time=sent[-1])
