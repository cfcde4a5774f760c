"""Decide on a delivery's event: at once, or after its details were fetched."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, DeliveryState, Details, Event
from service.pipeline.context import Context
from service.pipeline.decide import EventDecisions, decide_event
from service.pipeline.fetch_details import fetch_details, next_fetch_at, with_missing
from service.routing.decide import with_details
from service.store import actions, deliveries, events

LATE_REASON = "the event came to be judged late, so CircleCI was not asked first"
TIMEOUT_REASON = "CircleCI had not answered by the time when the event had to be judged"

log = structlog.get_logger()


async def process(context: Context, delivery_id: UUID) -> None:
    """Decide on a delivery in one transaction, or enqueue a fetch of missing facts.

    The fetch is a queue job of another kind: while the source hangs, deliveries that need nothing of it do not wait.
    """
    try:
        decided = await context.store.write(_decide_or_fetch, context, delivery_id)
    except Permanent as error:
        await mark_dead(context, delivery_id, str(error))
    else:
        _count_decisions(context, decided)


def _decide_or_fetch(transaction: Transaction, context: Context, delivery_id: UUID) -> EventDecisions | None:
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return None
    event = context.source.parse(delivery)
    wants = context.route_index.missing_facts(with_details(event, known))
    if not wants:
        return decide_event(transaction, context, event, known, max_delay=context.retry_policy.details_timeout)
    deadline = _deadline(transaction, context, delivery)
    if context.clock() >= deadline:  # the delay was ours: details that CircleCI has at once still reach the message
        return decide_event(
            transaction,
            context,
            event,
            with_missing(known, wants, LATE_REASON),
            max_delay=context.retry_policy.answer_timeout,
        )
    context.jobs.enqueue("ask", delivery_id, within=transaction)
    context.jobs.enqueue("judge", delivery_id, within=transaction, at=deadline)
    return None


async def decide_at_deadline(context: Context, delivery_id: UUID) -> None:
    """Decide on a delivery at its deadline with the details at hand.

    This does not wait for the jobs that fetch from the source.
    """
    try:
        decided = await context.store.write(_decide_at_deadline, context, delivery_id)
    except Permanent as error:
        await mark_dead(context, delivery_id, str(error))
        return
    _count_decisions(context, decided)
    if decided:
        log.info("an event was judged with what was known, CircleCI had its time", delivery=str(delivery_id))


def _decide_at_deadline(transaction: Transaction, context: Context, delivery_id: UUID) -> EventDecisions | None:
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    if delivery.state is not DeliveryState.KEPT or context.clock() < _deadline(transaction, context, delivery):
        return None  # processed already, or replayed since: the replay has a job of its own
    event = context.source.parse(delivery)
    wants = context.route_index.missing_facts(with_details(event, known))
    return decide_event(transaction, context, event, with_missing(known, wants, TIMEOUT_REASON), max_delay=timedelta())


async def fetch_then_decide(context: Context, delivery_id: UUID) -> None:
    """Fetch the facts that routes need, then decide, or fetch again later.

    After the deadline nothing is fetched: a late message must not wait for details.
    """
    delivery, known, deadline = await context.store.read(_load, context, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    event, details, left = context.source.parse(delivery), known, deadline - context.clock()
    wants = context.route_index.missing_facts(with_details(event, known))
    if wants and left > timedelta():
        details = await fetch_details(
            context, event, wants, known, within=min(left, context.retry_policy.answer_timeout)
        )
        left = deadline - context.clock()
    if left <= timedelta():
        await decide_at_deadline(context, delivery_id)
    elif details and _awaits_facts(context, event, details):
        await context.store.write(_schedule_next_fetch, context, event, details, deadline=deadline)
    else:
        max_delay = max(left, context.retry_policy.answer_timeout)
        _count_decisions(context, await context.store.write(decide_event, context, event, details, max_delay=max_delay))


def _load(transaction: Transaction, context: Context, delivery_id: UUID) -> tuple[Delivery, Details | None, datetime]:
    """Return the delivery, its event's details so far, and the deadline for fetching."""
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    return delivery, known, _deadline(transaction, context, delivery)


def _deadline(transaction: Transaction, context: Context, delivery: Delivery) -> datetime:
    """Return the deadline: ``details_timeout`` after receipt or after the last replay."""
    done = actions.of_subjects(transaction, [delivery.id])
    replayed = [action.at for action in done if action.verb == "replay"]
    return max([delivery.received_at, *replayed]) + context.retry_policy.details_timeout


def _awaits_facts(context: Context, event: Event, details: Details) -> bool:
    """Return whether a route still needs a missing fact that may come.

    With the facts at hand a route may be decided without it.
    """
    wants = context.route_index.missing_facts(with_details(event, details))
    return any(missing.want in wants and not missing.is_final for missing in details.missing)


def _schedule_next_fetch(
    transaction: Transaction, context: Context, event: Event, details: Details, *, deadline: datetime
) -> None:
    events.put(transaction, with_details(event, details))
    events.put_details(transaction, event.id, details)
    context.jobs.enqueue("ask", event.id, within=transaction, at=next_fetch_at(context, details, deadline=deadline))


def _count_decisions(context: Context, decided: EventDecisions | None) -> None:
    if decided is None:
        return  # nothing is decided yet, or another worker has decided meanwhile
    context.metrics.events.labels(decided.event.kind).inc()
    for verdict, count in decided.counts.items():
        context.metrics.decisions.labels(verdict).inc(count)


async def mark_dead(context: Context, delivery_id: UUID, reason: str) -> None:
    """Mark a delivery as a dead letter, unless it has been processed meanwhile."""
    if not await context.store.write(deliveries.mark_dead, delivery_id, reason):
        return
    log.warning("a delivery is a dead letter: `roundsman dead-letters`", delivery=str(delivery_id), reason=reason)
    context.metrics.dead_letters.labels("delivery").inc()
