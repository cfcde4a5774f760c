"""From a delivery to what every route says of its event: at once, or when the source has been asked."""

from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, DeliveryState, Details, Event
from service.pipeline.context import Parts
from service.pipeline.decide import Judgement, judge
from service.pipeline.fetch_details import again_at, ask, with_gaps
from service.routing.decide import missing_facts, with_details
from service.store import actions, deliveries, events

UNASKED = "the event came to be judged late, so CircleCI was not asked first"
UNANSWERED = "CircleCI had not answered by the time when the event had to be judged"

log = structlog.get_logger()


async def process(parts: Parts, delivery_id: UUID) -> None:
    """Judge a delivery, all or nothing; where a route needs a fact that it does not tell, have the source asked.

    That is another job, of a kind of its own: while the source hangs, those who need nothing of it do not wait.
    """
    try:
        judgement = await parts.store.write(_judge_or_ask, parts, delivery_id)
    except Permanent as error:
        await bury(parts, delivery_id, str(error))
    else:
        _count(parts, judgement)


def _judge_or_ask(transaction: Transaction, parts: Parts, delivery_id: UUID) -> Judgement | None:
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return None
    event = parts.source.parse(delivery)
    wants = missing_facts(with_details(event, known), parts.routes)
    if not wants:
        return judge(transaction, parts, event, known, hold=parts.patience.for_details)
    deadline = _deadline(transaction, parts, delivery)
    if parts.clock() >= deadline:  # it waited for us: what CircleCI can say at once may still go into the message
        return judge(transaction, parts, event, with_gaps(known, wants, UNASKED), hold=parts.patience.for_an_answer)
    parts.jobs.later("ask", delivery_id, within=transaction)
    parts.jobs.later("judge", delivery_id, within=transaction, at=deadline)
    return None


async def judge_as_it_is(parts: Parts, delivery_id: UUID) -> None:
    """Judge a delivery at its deadline with what is known, however many still stand in line to ask the source."""
    try:
        judgement = await parts.store.write(_judge_as_it_is, parts, delivery_id)
    except Permanent as error:
        await bury(parts, delivery_id, str(error))
        return
    _count(parts, judgement)
    if judgement:
        log.info("an event was judged with what was known, CircleCI had its time", delivery=str(delivery_id))


def _judge_as_it_is(transaction: Transaction, parts: Parts, delivery_id: UUID) -> Judgement | None:
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    if delivery.state is not DeliveryState.KEPT or parts.clock() < _deadline(transaction, parts, delivery):
        return None  # judged already, or to be judged again since: that has a job of its own
    event = parts.source.parse(delivery)
    wants = missing_facts(with_details(event, known), parts.routes)
    return judge(transaction, parts, event, with_gaps(known, wants, UNANSWERED), hold=timedelta())


async def inquire(parts: Parts, delivery_id: UUID) -> None:
    """Ask the source for what the routes need, and judge the delivery; or ask again later, but not past its deadline.

    An event that is late is not asked about: waiting for a courtesy would keep people in the dark.
    """
    delivery, known, deadline = await parts.store.read(_as_it_stands, parts, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    event, details, left = parts.source.parse(delivery), known, deadline - parts.clock()
    wants = missing_facts(with_details(event, known), parts.routes)
    if wants and left > timedelta():
        details = await ask(parts, event, wants, known, within=min(left, parts.patience.for_an_answer))
        left = deadline - parts.clock()
    if left <= timedelta():
        await judge_as_it_is(parts, delivery_id)
    elif details and _may_decide_more(parts, event, details):
        await parts.store.write(_ask_again, parts, event, details, deadline=deadline)
    else:
        hold = max(left, parts.patience.for_an_answer)
        _count(parts, await parts.store.write(judge, parts, event, details, hold=hold))


def _as_it_stands(
    transaction: Transaction, parts: Parts, delivery_id: UUID
) -> tuple[Delivery, Details | None, datetime]:
    """The delivery, what an earlier look at it has learnt of its event, and until when the source may be asked."""
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    return delivery, known, _deadline(transaction, parts, delivery)


def _deadline(transaction: Transaction, parts: Parts, delivery: Delivery) -> datetime:
    """Some minutes after the delivery came, or after a person wished to have it judged again."""
    done = actions.of_subjects(transaction, [delivery.id])
    wished = [action.at for action in done if action.verb == "replay"]
    return max([delivery.received_at, *wished]) + parts.patience.for_details


def _may_decide_more(parts: Parts, event: Event, details: Details) -> bool:
    """Whether a fact that a route still needs may yet be told; another fact may have settled the matter without it."""
    wants = missing_facts(with_details(event, details), parts.routes)
    return any(missing.want in wants and not missing.is_final for missing in details.missing)


def _ask_again(transaction: Transaction, parts: Parts, event: Event, details: Details, *, deadline: datetime) -> None:
    events.put(transaction, with_details(event, details))
    events.put_details(transaction, event.id, details)
    parts.jobs.later("ask", event.id, within=transaction, at=again_at(parts, details, deadline=deadline))


def _count(parts: Parts, judgement: Judgement | None) -> None:
    if judgement is None:
        return  # nothing is judged yet, or somebody else has judged it meanwhile
    parts.metrics.events.labels(judgement.event.kind).inc()
    for decision in judgement.said:
        parts.metrics.decisions.labels(decision.verdict).inc()


async def bury(parts: Parts, delivery_id: UUID, reason: str) -> None:
    """Make a dead letter of a delivery, unless it has been judged meanwhile."""
    if not await parts.store.write(deliveries.bury, delivery_id, reason):
        return
    log.warning("a delivery is a dead letter: `roundsman dead-letters`", delivery=str(delivery_id), reason=reason)
    parts.metrics.dead_letters.labels("delivery").inc()
