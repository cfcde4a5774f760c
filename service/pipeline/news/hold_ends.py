"""The end of an approval: who is told of it, and what is no longer to be told.

An end is an event ``workflow-held`` too, whose status is ``approved`` or ``canceled``.
"""

from collections.abc import Mapping

from service.db.tables import Transaction
from service.message.blocks import Line, untrusted
from service.message.status_text import age
from service.model import Event, EventKind, News, Notification, Route
from service.model.holds import Hold
from service.pipeline.news.channel_knowledge import is_under_way
from service.store.circleci import holds
from service.store.notifications import notifications

HELD = "on_hold"
NOT_TOLD = "was not told that it waits"


def tell_end(transaction: Transaction, event: Event, route: Route, news: Mapping[str, News]) -> dict[str, News]:
    """Return the news without those of ends that a channel need not hear of.

    A channel hears of an end if it was told that the workflow waits, or if its route asks for the status.
    """
    asks_for_it = any(matcher.key == "status" for matcher in route.matchers)
    if not event.ends_hold or asks_for_it or event.job is None:
        return dict(news)
    begun = notifications.of_topics(transaction, [topic_of(event.job.id)])
    knowing = {one.channel_key for one in begun if one.was_sent or is_under_way(one)}
    return {key: one for key, one in news.items() if key in knowing}


def topic_of(job_id: str | None) -> str:
    """Return the topic of the news that an approval is waited for."""
    return f"job:{job_id}:{HELD}"


def drop_ended(transaction: Transaction, notification: Notification, event: Event) -> bool:
    """Drop news and reminders of an approval that is over; tell if so.

    One that the channel may have already stays, and so does a person's resend.
    """
    if event.kind is not EventKind.WORKFLOW_HELD or event.status != HELD or is_under_way(notification):
        return False
    if notification.was_sent or (notification.attempts and notification.reason is None):
        return False
    hold = _hold_of(transaction, event)
    if hold is None or hold.ended_as is None:
        return False
    return bool(notifications.drop(transaction, [notification.id], reason=f"it was {hold.ended_as} meanwhile"))


def hold_notes(transaction: Transaction, event: Event) -> tuple[Line, ...]:
    """Return ``Approved by Grace Example after 2 h.`` for an approval that is over."""
    hold = _hold_of(transaction, event) if event.ends_hold else None
    if hold is None or hold.ended_at is None:
        return ()
    name = untrusted(hold.approved_by, 80)
    by: Line = (" by ", *name) if name else ()
    return ((f"{(hold.ended_as or 'ended').capitalize()}", *by, f" after {age(hold.ended_at - hold.since)}."),)


def _hold_of(transaction: Transaction, event: Event) -> Hold | None:
    return holds.get(transaction, event.job.id) if event.job and event.job.id else None
