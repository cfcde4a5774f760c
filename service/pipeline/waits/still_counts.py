"""News that wait to be told with others: drop those that no longer count."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import Event, Notification
from service.pipeline.context import Context
from service.pipeline.news.channel_knowledge import ChannelKnowledge, why_stale
from service.pipeline.waits.known_problems import drop_muted, find_problems
from service.pipeline.waits.patience import hold_for_rerun
from service.pipeline.waits.quiet import end_quiet
from service.routing.news import COLORS
from service.store.events import events
from service.store.notifications import notifications


def still_counting(
    transaction: Transaction, context: Context, waiting: Sequence[Notification], now: datetime
) -> list[Notification]:
    """Return those of a channel's untried news that are to be told, oldest first.

    The others are dropped with their reasons, or wait for something else.
    """
    event_ids = {one.event_id for one in waiting if one.event_id}
    found = events.find_all(transaction, event_ids)
    due = [one for one in waiting if one.event_id in found and not _waits_on(transaction, context, one, found, now=now)]
    newest = _newest_of_tracks(transaction, context, due)
    details = events.find_all_details(transaction, [*event_ids])
    told = [
        one
        for one in newest
        if one.event_id is not None
        and not drop_muted(transaction, one, find_problems(transaction, context, details.get(one.event_id), now), now)
    ]
    return sorted(told, key=lambda one: (one.created_at, one.id))


def _waits_on(
    transaction: Transaction, context: Context, one: Notification, found: Mapping[UUID, Event], *, now: datetime
) -> bool:
    event = found.get(one.event_id) if one.event_id else None
    if end_quiet(transaction, context, one, now):
        return True
    return event is not None and hold_for_rerun(transaction, context, one, event, now=now)


def _newest_of_tracks(transaction: Transaction, context: Context, due: Sequence[Notification]) -> list[Notification]:
    """Return the newest news of each track, if they still count."""
    known = ChannelKnowledge(transaction, [one.track_id for one in due if one.track_id is not None])
    kept: dict[object, Notification] = {}
    for one in sorted(due, key=lambda one: (one.created_at, one.id), reverse=True):
        if one.track_id is None or one.news not in COLORS:
            kept[one.id] = one
        elif one.track_id not in kept:
            kept[one.track_id] = one
            known.drop_waiting(transaction, (one.track_id, one.channel_key), one.topic)
    pointless = {one.id: reason for one in kept.values() if (reason := why_stale(known, context, one))}
    for notification_id, reason in pointless.items():
        notifications.drop(transaction, [notification_id], reason=reason)
    return [one for one in kept.values() if one.id not in pointless]
