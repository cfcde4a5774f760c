"""Groups of news: hold what a route groups, and tell it in one message.

News that a route groups wait as rows, each for as long as its group may. The first of them that is due takes along all
that share its facts; one that is alone is told as always.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from service.db.tables import Transaction
from service.model import Group, Notification, Route, WaitsFor
from service.pipeline.context import Context
from service.pipeline.waits.still_counts import still_counting
from service.pipeline.waits.summaries import GROUP, Joint, is_held_for_others, needs_message_each, tell_together
from service.routing.groups import GroupKey, group_key
from service.store.events import events, fetches
from service.store.incidents import incidents
from service.store.notifications import kept_back, summaries


def group_remark(route: Route, planned: Sequence[Notification]) -> list[str]:
    """Return the remark that names the channels for which news wait for a group."""
    waiting = [one for one in planned if one.waits_for is WaitsFor.GROUP]
    if not waiting or route.group is None:
        return []
    labels = ", ".join(one.channel_label for one in waiting)
    by = " and ".join(route.group.by)
    until = max(one.next_attempt_at for one in waiting)
    return [f"{labels} hears of it at {until:%H:%M:%S} UTC, in one message with others of the same {by}"]


def end_group(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Tell news whose wait has ended with the others of their group.

    Returns True if they are not sent now. Only before the first attempt. News that are alone are sent; those that wait
    for details go on waiting for them.
    """
    route = context.route(notification.route)
    if route is None or route.group is None or not is_held_for_others(notification):
        return False
    channel = context.channel(notification.channel_key)
    if channel is None or needs_message_each(channel) or not summaries.lock_pending(transaction, notification.id):
        return False
    group = _others(transaction, context, notification, now)
    if _wait_for_details(transaction, context, route.group, notification, others=group):
        return True
    told = still_counting(transaction, context, [notification, *group], now) if group else [notification]
    if len(told) > 1:
        return tell_together(transaction, context, told, Joint(kind=GROUP)) is not None
    return notification.id not in {one.id for one in told}


def _others(
    transaction: Transaction, context: Context, notification: Notification, now: datetime
) -> list[Notification]:
    """Return the other news of the group."""
    held = [one for one in summaries.find_held(transaction, notification, now) if one.id != notification.id]
    keys = _keys(transaction, context, [notification, *held])
    mine = keys.get(notification.id)
    return [one for one in held if mine is not None and keys.get(one.id) == mine]


def _keys(
    transaction: Transaction, context: Context, waiting: Sequence[Notification]
) -> Mapping[UUID, GroupKey | None]:
    """Return the keys of groups by the ids of news, where their routes have groups."""
    found = events.find_all(transaction, {one.event_id for one in waiting if one.event_id})
    known = incidents.find_all(transaction, {one.incident_id for one in waiting if one.incident_id})
    keys: dict[UUID, GroupKey | None] = {}
    for one in waiting:
        route = context.route(one.route)
        event = found.get(one.event_id) if one.event_id else None
        if route is not None and route.group is not None and event is not None:
            incident = known.get(one.incident_id) if one.incident_id else None
            keys[one.id] = group_key(route.group, one, event, incident.fingerprint if incident else None)
    return keys


def _wait_for_details(
    transaction: Transaction,
    context: Context,
    group: Group,
    notification: Notification,
    *,
    others: Sequence[Notification],
) -> bool:
    """Have news wait for details of their group that are being fetched; tell if so.

    News that are alone are sent as soon as they come, unless a fingerprint may come with them.
    """
    now, until = context.clock(), notification.created_at + context.retry_policy.details_timeout
    event_ids = {one.event_id for one in (notification, *others) if one.event_id}
    if now >= until or not fetches.awaited(transaction, event_ids):
        return False
    held = replace(notification, next_attempt_at=until, waits_for=None)
    if others or "fingerprint" in group.by:
        again_at = min(until, now + timedelta(seconds=group.wait_s))
        held = replace(notification, next_attempt_at=again_at, waits_for=WaitsFor.GROUP)
    kept_back.hold(transaction, held)
    return True
