"""From a delivery to what every route says of its event: at once, or when the source has been asked."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, DeliveryState, Details, Event
from service.pipeline.context import Context
from service.pipeline.decide import EventDecisions, decide_event
from service.pipeline.fetch_details import fetch_details, next_fetch_at, with_missing
from service.routing.decide import missing_facts, with_details
from service.store import actions, deliveries, events

LATE_REASON = "the event came to be judged late, so CircleCI was not asked first"
TIMEOUT_REASON = "CircleCI had not answered by the time when the event had to be judged"

log = structlog.get_logger()


async def process(context: Context, delivery_id: UUID) -> None:
    """Judge a delivery, all or nothing; where a route needs a fact that it does not tell, have the source asked.

    That is another job, of a kind of its own: while the source hangs, those who need nothing of it do not wait.
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
    wants = missing_facts(with_details(event, known), context.routes)
    if not wants:
        return decide_event(transaction, context, event, known, hold=context.retry_policy.details_timeout)
    deadline = _deadline(transaction, context, delivery)
    if context.clock() >= deadline:  # it waited for us: what CircleCI can say at once may still go into the message
        return decide_event(
            transaction,
            context,
            event,
            with_missing(known, wants, LATE_REASON),
            hold=context.retry_policy.answer_timeout,
        )
    context.jobs.enqueue("ask", delivery_id, within=transaction)
    context.jobs.enqueue("judge", delivery_id, within=transaction, at=deadline)
    return None


async def decide_at_deadline(context: Context, delivery_id: UUID) -> None:
    """Judge a delivery at its deadline with what is known, however many still stand in line to ask the source."""
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
        return None  # judged already, or to be judged again since: that has a job of its own
    event = context.source.parse(delivery)
    wants = missing_facts(with_details(event, known), context.routes)
    return decide_event(transaction, context, event, with_missing(known, wants, TIMEOUT_REASON), hold=timedelta())


async def fetch_then_decide(context: Context, delivery_id: UUID) -> None:
    """Ask the source for what the routes need, and judge the delivery; or ask again later, but not past its deadline.

    An event that is late is not asked about: waiting for a courtesy would keep people in the dark.
    """
    delivery, known, deadline = await context.store.read(_load, context, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    event, details, left = context.source.parse(delivery), known, deadline - context.clock()
    wants = missing_facts(with_details(event, known), context.routes)
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
        hold = max(left, context.retry_policy.answer_timeout)
        _count_decisions(context, await context.store.write(decide_event, context, event, details, hold=hold))


def _load(transaction: Transaction, context: Context, delivery_id: UUID) -> tuple[Delivery, Details | None, datetime]:
    """The delivery, what an earlier look at it has learnt of its event, and until when the source may be asked."""
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    return delivery, known, _deadline(transaction, context, delivery)


def _deadline(transaction: Transaction, context: Context, delivery: Delivery) -> datetime:
    """Some minutes after the delivery came, or after a person wished to have it judged again."""
    done = actions.of_subjects(transaction, [delivery.id])
    wished = [action.at for action in done if action.verb == "replay"]
    return max([delivery.received_at, *wished]) + context.retry_policy.details_timeout


def _awaits_facts(context: Context, event: Event, details: Details) -> bool:
    """Whether a fact that a route still needs may yet be told; another fact may have settled the matter without it."""
    wants = missing_facts(with_details(event, details), context.routes)
    return any(missing.want in wants and not missing.is_final for missing in details.missing)


def _schedule_next_fetch(
    transaction: Transaction, context: Context, event: Event, details: Details, *, deadline: datetime
) -> None:
    events.put(transaction, with_details(event, details))
    events.put_details(transaction, event.id, details)
    context.jobs.enqueue("ask", event.id, within=transaction, at=next_fetch_at(context, details, deadline=deadline))


def _count_decisions(context: Context, decided: EventDecisions | None) -> None:
    if decided is None:
        return  # nothing is judged yet, or somebody else has judged it meanwhile
    context.metrics.events.labels(decided.event.kind).inc()
    for decision in decided.said:
        context.metrics.decisions.labels(decision.verdict).inc()


async def mark_dead(context: Context, delivery_id: UUID, reason: str) -> None:
    """Make a dead letter of a delivery, unless it has been judged meanwhile."""
    if not await context.store.write(deliveries.bury, delivery_id, reason):
        return
    log.warning("a delivery is a dead letter: `roundsman dead-letters`", delivery=str(delivery_id), reason=reason)
    context.metrics.dead_letters.labels("delivery").inc()
