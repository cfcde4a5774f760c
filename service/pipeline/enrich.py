"""Fetch details for an event's messages, then enqueue its sends."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.model import DetailKind, Details, Event, MissingDetail, Notification, NotificationState
from service.pipeline.context import Context
from service.pipeline.fetch_details import fetch_details, next_fetch_at, retry_after_s
from service.routing.decide import with_details
from service.store import deliveries, events, notifications

log = structlog.get_logger()

NO_DETAILS_STATUSES = frozenset({"success", "canceled"})  # their jobs and tests explain nothing


async def enrich(context: Context, event_id: UUID) -> None:
    """Fetch details; enqueue the sends once these are complete or time is up.

    Missing details are fetched again later, so that the event's page has them as soon as the source does.
    """
    event, known, unsent = await context.store.read(_load, event_id)
    deadline = _deadline(context, event, unsent)
    # not up to the deadline: while CircleCI hangs, these jobs would take the room of later ones
    longest = 2 * context.retry_policy.answer_timeout if unsent else context.retry_policy.answer_timeout
    within = max(min(deadline - context.clock(), longest), context.retry_policy.answer_timeout)
    details = await fetch_details(context, event, wanted_details(event), known, within=within)

    def record(transaction: Transaction) -> None:
        if not deliveries.lock(transaction, event_id):
            return  # the event was pruned meanwhile
        events.put(transaction, with_details(event, details))
        events.put_details(transaction, event_id, details)
        waits_on = bool(unsent) and details.may_improve and context.clock() < deadline
        if not waits_on:
            enqueue_sends(transaction, context, unsent)
        _schedule_next_fetch(transaction, context, event, details, deadline=deadline if waits_on else None)

    await context.store.write(record)


def _load(transaction: Transaction, event_id: UUID) -> tuple[Event, Details | None, Sequence[Notification]]:
    """Return the event, its details, and its notifications that await a first attempt."""
    event, known = events.find(transaction, event_id), events.find_details(transaction, event_id)
    return event, known, _unsent(transaction, event_id)


def _deadline(context: Context, event: Event, unsent: Sequence[Notification]) -> datetime:
    """Return the time at which the messages are sent, also if details are missing."""
    return min((one.created_at for one in unsent), default=event.received_at) + context.retry_policy.details_timeout


def _unsent(transaction: Transaction, event_id: UUID) -> Sequence[Notification]:
    standing = notifications.of_events(transaction, [event_id])
    return [one for one in standing if one.state is NotificationState.PENDING and one.attempts == 0]


def enqueue_sends(transaction: Transaction, context: Context, unsent: Sequence[Notification]) -> None:
    """Enqueue the sends, each in its channel's lane."""
    for notification in unsent:
        context.jobs.enqueue("send", notification.id, within=transaction, lane=notification.lane)


async def retry_enrich(context: Context, event_id: UUID, reason: str) -> None:
    """Enqueue another fetch after a temporary error, or the sends after the deadline."""
    event, _, unsent = await context.store.read(_load, event_id)
    now, policy = context.clock(), context.retry_policy
    if unsent and now >= _deadline(context, event, unsent):
        log.warning("messages go without details, which cannot be kept", event_id=str(event_id), reason=reason)
        await context.store.write(enqueue_sends, context, unsent)
    elif unsent:
        await context.store.write(_enqueue, context, "enrich", event_id, at=now + policy.min_pause)
    elif now < event.received_at + policy.late_details_timeout:
        await context.store.write(_enqueue, context, "revisit", event_id, at=now + policy.max_pause)


def _enqueue(transaction: Transaction, context: Context, kind: str, event_id: UUID, *, at: datetime) -> None:
    context.jobs.enqueue(kind, event_id, within=transaction, at=at)


async def send_without_details(context: Context, event_id: UUID, reason: str) -> None:
    """Enqueue an event's sends with the details at hand, after an unexpected error."""
    gap = MissingDetail(want=DetailKind.JOBS, reason=reason, is_final=True)

    def record(transaction: Transaction) -> None:
        if not deliveries.lock(transaction, event_id):
            return
        known = events.find_details(transaction, event_id) or Details(rounds=1, asked_at=context.clock())
        events.put_details(transaction, event_id, replace(known, missing=(*known.missing, gap)))
        enqueue_sends(transaction, context, _unsent(transaction, event_id))

    await context.store.write(record)


def wanted_details(event: Event) -> frozenset[DetailKind]:
    """Return the details that a message needs beyond the event itself."""
    # CircleCI's own user starts scheduled pipelines, and GET /user knows none by its id.
    wants = set() if event.is_scheduled else {DetailKind.ACTOR}
    if event.revision is None or (event.branch is None and event.tag is None):
        wants.add(DetailKind.VCS)
    if event.status not in NO_DETAILS_STATUSES:
        wants |= {DetailKind.JOBS, DetailKind.TESTS}
    return frozenset(wants)


def _schedule_next_fetch(
    transaction: Transaction, context: Context, event: Event, details: Details, *, deadline: datetime | None
) -> None:
    """Enqueue the next fetch of missing details.

    deadline   of the messages that wait: the next fetch is soon, and not after it; None if no message waits:
               then the next fetch is after the longest pause
    """
    now, policy = context.clock(), context.retry_policy
    if not details.may_improve or now > event.received_at + policy.late_details_timeout:
        return
    kind = "enrich"
    if deadline is None:
        kind = "revisit"  # a queue of its own: jobs with waiting messages do not queue behind jobs for pages alone
        at = now + max(policy.max_pause, timedelta(seconds=retry_after_s(details)))
    else:
        at = next_fetch_at(context, details, deadline=deadline)
    context.jobs.enqueue(kind, event.id, within=transaction, at=at)
