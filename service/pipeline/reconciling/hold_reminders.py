"""Remind people of workflows that wait for an approval.

Routes say by ``repeat`` how often. The number of a reminder is part of its topic, so that each is made once.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from service.db.tables import Transaction
from service.model import Event, News, Notification, NotificationState, Route
from service.pipeline.context import Context
from service.pipeline.judgment.silence_facts import silence_of
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.routing.active_hours import is_active
from service.routing.news import news_key
from service.store.circleci import holds
from service.store.events import events
from service.store.incidents import silences
from service.store.notifications import notifications


def remind_of_holds(transaction: Transaction, context: Context) -> None:
    """Plan the reminders of holds that are due."""
    if all(route.repeat_s is None for route in context.routes):
        return
    now = context.clock()
    waiting = {f"job:{hold.job_id}:on_hold" for hold in holds.find(transaction)}
    told = [one for one in notifications.of_topics(transaction, sorted(waiting)) if one.was_sent and one.event_id]
    known = events.find_all(transaction, {one.event_id for one in told if one.event_id})
    due = list(_due(transaction, context, [(one, known[one.event_id]) for one in told if one.event_id in known], now))
    enqueue_heads(transaction, context.jobs, notifications.insert(transaction, due), now)


def _due(
    transaction: Transaction, context: Context, told: list[tuple[Notification, Event]], now: datetime
) -> Iterator[Notification]:
    quiet = silences.unexpired(transaction, now)
    for first, event in told:
        route = context.route(first.route)
        if route is None or not _speaks(route, now) or first.sent_at is None or route.repeat_s is None:
            continue
        number = int((now - first.sent_at).total_seconds() // route.repeat_s)
        if number and not silence_of(transaction, context, event, quiet=quiet, now=now):
            yield replace(
                first,
                id=uuid4(),
                topic=f"{news_key(event)}:reminder:{number}",
                state=NotificationState.PENDING,
                attempts=0,
                created_at=context.planned_at.take(now),
                next_attempt_at=now,
                give_up_at=now + context.retry_policy.give_up_after,
                reason=None,
                sent_at=None,
                title=None,
                words=None,
                news=News.RUN,
                waits_for=None,
                told_in=None,
            )


def _speaks(route: Route, now: datetime) -> bool:
    """Return whether a route tells now, by its hours."""
    return route.active is None or route.is_urgent or is_active(route.active, now)
