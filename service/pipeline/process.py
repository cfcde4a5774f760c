"""From a delivery to its event and what every route says of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

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
from service.pipeline.parts import Parts
from service.rules import decide, undecided, with_details
from service.store import deliveries, events, notifications
from service.tables import Transaction


async def process(parts: Parts, delivery_id: UUID) -> None:
    """Judge a delivery: put its event, every route's decision and what we owe to whom on record, all or nothing."""
    async with parts.store.reading() as transaction:
        delivery = await deliveries.find(transaction, delivery_id)
        known = await events.find_details(transaction, delivery_id)
    if delivery.state is not DeliveryState.KEPT:
        return
    try:
        event = parts.source.parse(delivery)
    except Permanent as error:
        await bury(parts, delivery_id, str(error))
        return
    details = await _ask_what_decides(parts, event, known)
    if details and details.may_improve and parts.clock() < delivery.received_at + parts.patience.for_details:
        await _judge_later(parts, event, details)
        return
    await _settle(parts, delivery, with_details(event, details), details)


async def bury(parts: Parts, delivery_id: UUID, reason: str) -> None:
    """Make a dead letter of a delivery."""
    async with parts.store.writing() as transaction:
        await deliveries.bury(transaction, delivery_id, reason)
    parts.metrics.dead_letters.labels("delivery").inc()


async def _ask_what_decides(parts: Parts, event: Event, known: Details | None) -> Details | None:
    """Ask the source for what a route must know before it can be judged; nothing when no route would use it."""
    wants = undecided(with_details(event, known), parts.routes)
    if known and wants <= known.wanted and not known.may_improve:
        return known
    return await parts.source.enrich(event, wants, known) if wants else known


async def _judge_later(parts: Parts, event: Event, details: Details) -> None:
    asked_for_s = max((missing.retry_after_s or 0 for missing in details.missing), default=0)
    async with parts.store.writing() as transaction:
        await events.put(transaction, with_details(event, details))
        await events.put_details(transaction, event.id, details)
        at = parts.clock() + parts.patience.pause(details.rounds, asked_for_s=asked_for_s)
        await parts.jobs.later("process", event.id, within=transaction, at=at)


async def _settle(parts: Parts, delivery: Delivery, event: Event, details: Details | None) -> None:
    now = parts.clock()
    async with parts.store.writing() as transaction:
        if not await deliveries.settle(transaction, delivery.id):
            return  # somebody else has judged it meanwhile
        await events.put(transaction, event)
        if details:
            await events.put_details(transaction, event.id, details)
        said, owes = await _plan(transaction, parts, event, now)
        judged = await events.last_round(transaction, event.id) + 1
        await events.put_decisions(transaction, event.id, _with_doubts(said, details), judged=judged, at=now)
        if owes or (judged > 1 and _is_told(said)):  # a replay may also fill in what could not be asked before
            await parts.jobs.later("enrich", event.id, within=transaction)
    parts.metrics.events.labels(event.kind).inc()
    for decision in said:
        parts.metrics.decisions.labels(decision.verdict).inc()


async def _plan(transaction: Transaction, parts: Parts, event: Event, now: datetime) -> tuple[list[Decision], bool]:
    """Owe word to every channel of every route that matched, and say so where it has been told before."""
    decisions, owes = [], False
    for decision in decide(event, parts.routes):
        if decision.verdict is not Verdict.MATCHED:
            decisions.append(decision)
            continue
        owed = _notification(event, decision, created_at=now, give_up_at=now + parts.patience.for_sending)
        channels = parts.receivers[decision.receiver].channels
        standing = [await notifications.plan(transaction, owed(channel)) for channel in channels]
        decisions.append(_as_told(decision, standing))
        owes |= None in standing
    return decisions, owes


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


def _with_doubts(said: Sequence[Decision], details: Details | None) -> list[Decision]:
    """Where a fact could not be had in time, a silence may be wrong: its reason says so."""
    doubts = "; ".join(sorted({missing.reason for missing in details.missing})) if details else ""
    if not doubts:
        return list(said)
    return [
        replace(decision, reason=f"{decision.reason} (not everything could be asked: {doubts})")
        if decision.verdict is Verdict.NOT_MATCHED
        else decision
        for decision in said
    ]
