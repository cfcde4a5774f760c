"""From a delivery to what every route says of its event: at once, or when the source has been asked."""

from datetime import datetime
from uuid import UUID

import structlog

from service.errors import Permanent
from service.model import Delivery, DeliveryState, Details, Event
from service.pipeline.ask import again_at, ask
from service.pipeline.judge import Judgement, judge
from service.pipeline.parts import Parts
from service.rules import undecided, with_details
from service.store import deliveries, events
from service.tables import Transaction

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
    if undecided(with_details(event, known), parts.routes):
        parts.jobs.later("ask", delivery_id, within=transaction)
        return None
    return judge(transaction, parts, event, known, hold=parts.patience.for_details)


async def inquire(parts: Parts, delivery_id: UUID) -> None:
    """Ask the source for what the routes need, and judge the delivery; or ask again later, but not for ever."""
    delivery, known, is_replay = await parts.store.read(_as_it_stands, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    event, deadline = parts.source.parse(delivery), delivery.received_at + parts.patience.for_details
    wants, details = undecided(with_details(event, known), parts.routes), known
    if wants and (parts.clock() < deadline or known is None or is_replay):  # late, once is enough
        details = await ask(parts, event, wants, known, within=parts.patience.for_an_answer)
    if not (details and _may_decide_more(parts, event, details)):
        _count(parts, await parts.store.write(judge, parts, event, details, hold=parts.patience.for_details))
    elif parts.clock() < deadline:
        await parts.store.write(_ask_again, parts, event, details, deadline=deadline)
    else:  # waiting any longer for a courtesy would keep people in the dark
        _count(parts, await parts.store.write(judge, parts, event, details, hold=parts.patience.for_an_answer))


def _as_it_stands(transaction: Transaction, delivery_id: UUID) -> tuple[Delivery, Details | None, bool]:
    """The delivery, what an earlier look at it has learnt of its event, and whether that has been judged before."""
    delivery, known = deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)
    return delivery, known, events.last_round(transaction, delivery_id) > 0


def _may_decide_more(parts: Parts, event: Event, details: Details) -> bool:
    """Whether a fact that a route still needs may yet be told; another fact may have settled the matter without it."""
    wants = undecided(with_details(event, details), parts.routes)
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
