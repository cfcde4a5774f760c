"""From a delivery to its event and what every route says of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog

from service.errors import Permanent
from service.model import (
    Channel,
    Decision,
    Delivery,
    DeliveryState,
    Details,
    Event,
    Notification,
    NotificationState,
    Verdict,
)
from service.pipeline.ask import again_at, ask
from service.pipeline.parts import Parts
from service.rules import decide, undecided, with_details
from service.store import deliveries, events, notifications
from service.tables import Transaction

log = structlog.get_logger()


async def process(parts: Parts, delivery_id: UUID) -> None:
    """Judge a delivery: put its event, every route's decision and what we owe to whom on record, all or nothing."""
    delivery, known = await parts.store.read(_as_it_came, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    try:
        event = parts.source.parse(delivery)
    except Permanent as error:
        await bury(parts, delivery_id, str(error))
        return
    wants = undecided(with_details(event, known), parts.routes)
    details = await ask(parts, event, wants, known, within=parts.patience.for_an_answer) if wants else known
    if not (details and _may_decide_more(parts, event, details)):
        await _settle(parts, event, details, hold=parts.patience.for_details)
    elif parts.clock() < (deadline := delivery.received_at + parts.patience.for_details):
        await _judge_later(parts, event, details, deadline)
    else:  # waiting any longer for a courtesy would keep people in the dark
        await _settle(parts, event, details, hold=parts.patience.for_an_answer)


def _as_it_came(transaction: Transaction, delivery_id: UUID) -> tuple[Delivery, Details | None]:
    """The delivery, and what an earlier look at it has learnt of its event."""
    return deliveries.find(transaction, delivery_id), events.find_details(transaction, delivery_id)


async def bury(parts: Parts, delivery_id: UUID, reason: str) -> None:
    """Make a dead letter of a delivery."""
    await parts.store.write(deliveries.bury, delivery_id, reason)
    log.warning("a delivery is a dead letter: `roundsman dead-letters`", delivery=str(delivery_id), reason=reason)
    parts.metrics.dead_letters.labels("delivery").inc()


def _may_decide_more(parts: Parts, event: Event, details: Details) -> bool:
    """Whether a fact that a route still needs may yet be told; another fact may have settled the matter without it."""
    wants = undecided(with_details(event, details), parts.routes)
    return any(missing.want in wants and not missing.is_final for missing in details.missing)


async def _judge_later(parts: Parts, event: Event, details: Details, deadline: datetime) -> None:

    def put_off(transaction: Transaction) -> None:
        events.put(transaction, with_details(event, details))
        events.put_details(transaction, event.id, details)
        at = again_at(parts, details, deadline=deadline)
        parts.jobs.later("process", event.id, within=transaction, at=at)

    await parts.store.write(put_off)


async def _settle(parts: Parts, told: Event, details: Details | None, *, hold: timedelta) -> None:
    """Judge what the delivery told with what the source told; messages wait for more details, but not past ``hold``."""
    event = with_details(told, details)
    said = await parts.store.write(_judge, parts, event, details, hold=hold)
    if said is None:
        return  # somebody else has judged it meanwhile
    parts.metrics.events.labels(event.kind).inc()
    for decision in said:
        parts.metrics.decisions.labels(decision.verdict).inc()


def _judge(
    transaction: Transaction, parts: Parts, event: Event, details: Details | None, *, hold: timedelta
) -> Sequence[Decision] | None:
    """Decide, and put everything that comes of it on record; None when that has been done already."""
    now = parts.clock()
    if not deliveries.settle(transaction, event.id):
        return None
    events.put(transaction, event)
    if details:
        events.put_details(transaction, event.id, details)
    said, owed = _plan(transaction, parts, event, now)
    judged = events.last_round(transaction, event.id) + 1
    doubted = [_with_doubts(parts, decision, event, details) for decision in said]
    events.put_decisions(transaction, event.id, doubted, judged=judged, at=now)
    if owed or (judged > 1 and _is_told(said)):  # a replay may also fill in what could not be asked before
        parts.jobs.later("enrich", event.id, within=transaction)
    for notification in owed:  # whatever becomes of asking: it goes out by then
        lane = notification.channel_key
        parts.jobs.later("send", notification.id, within=transaction, at=now + hold, lane=lane)
    return said


def _plan(
    transaction: Transaction, parts: Parts, event: Event, now: datetime
) -> tuple[list[Decision], list[Notification]]:
    """Owe word to every channel of every route that matched, and say so where it has been told before."""
    decisions: list[Decision] = []
    owed: list[Notification] = []
    for decision in decide(event, parts.routes):
        if decision.verdict is not Verdict.MATCHED:
            decisions.append(decision)
            continue
        make = _notification(event, decision, created_at=now, give_up_at=now + parts.patience.for_sending)
        wanted = [make(channel) for channel in parts.receivers[decision.receiver].channels]
        standing = [notifications.plan(transaction, notification) for notification in wanted]
        decisions.append(_as_told(decision, standing))
        owed += [notification for notification, before in zip(wanted, standing, strict=True) if before is None]
    return decisions, owed


def _notification(
    event: Event, decision: Decision, *, created_at: datetime, give_up_at: datetime
) -> Callable[[Channel], Notification]:
    """What makes the notification of a decision for each of its channels."""
    return lambda channel: Notification(
        id=uuid4(),
        event_id=event.id,
        topic=event.topic,
        route=decision.route,
        receiver=decision.receiver,
        channel_key=channel.key,
        channel_label=channel.label,
        channel_kind=channel.kind,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=created_at,
        next_attempt_at=created_at,
        give_up_at=give_up_at,
    )


def _as_told(decision: Decision, standing: Sequence[Notification | None]) -> Decision:
    """The decision, with what stood in its way: the channels that already hear of the same news."""
    told = [notification for notification in standing if notification is not None]
    if not told:
        return decision
    labels = ", ".join(notification.channel_label for notification in told)
    reason = f"{decision.reason}; {labels} already hears of this, by route '{told[0].route}'"
    verdict = Verdict.ALREADY_TOLD if len(told) == len(standing) else decision.verdict
    return replace(decision, verdict=verdict, reason=reason)


def _is_told(said: Sequence[Decision]) -> bool:
    return any(decision.verdict in {Verdict.MATCHED, Verdict.ALREADY_TOLD} for decision in said)


def _with_doubts(parts: Parts, decision: Decision, event: Event, details: Details | None) -> Decision:
    """Where a fact that the route tests could not be had, its silence may be wrong: the reason says so."""
    if details is None or decision.verdict is not Verdict.NOT_MATCHED:
        return decision
    wants = undecided(event, [parts.routes[decision.position]])
    doubts = "; ".join(sorted({missing.reason for missing in details.missing if missing.want in wants}))
    return replace(decision, reason=f"{decision.reason} (it could not be asked: {doubts})") if doubts else decision
