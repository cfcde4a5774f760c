"""From a notification to an attempt: one job, one try, and what came of it is on record."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from service.channels import pace
from service.errors import Permanent, Temporary
from service.message import compose
from service.model import Attempt, Channel, Details, Event, Message, Notification, NotificationState, Outcome
from service.pipeline.fallback import Fallback, fallback
from service.pipeline.parts import Parts
from service.store import events, notifications
from service.tables import Transaction

RECORD_AGAIN_S = 1.0
BEHIND = timedelta(seconds=2)  # our clock may be so much behind the one by which this job became due: Postgres' own
Recorded = TypeVar("Recorded")
OWED = frozenset({NotificationState.PENDING, NotificationState.SENDING})

log = structlog.get_logger()


async def send(parts: Parts, notification_id: UUID) -> None:
    """Try once to tell the channel; a try that did not work leads to another one later, or to a dead letter.

    Run in the channel's lane, one at a time: what looks as if it were being sent was cut off.
    """
    notification, event, details = await parts.store.read(_news, notification_id)
    if is_settled_or_put_off(notification, parts.clock()):
        return  # another job will come for it, if there is anything left to do
    event_url = f"{parts.public_url}/events/{event.id}" if parts.public_url else None
    message = compose(event, details, event_url=event_url)
    attempt = await parts.store.write(_begin, parts, notification)
    if attempt is not None:
        await _try(parts, notification, attempt, message)


def is_settled_or_put_off(notification: Notification, now: datetime) -> bool:
    """Nothing is to be sent, or not yet."""
    return notification.state not in OWED or notification.next_attempt_at > now + BEHIND


def _news(transaction: Transaction, notification_id: UUID) -> tuple[Notification, Event, Details | None]:
    notification = notifications.find(transaction, notification_id)
    event = events.find(transaction, notification.event_id)
    return notification, event, events.find_details(transaction, event.id)


def _begin(transaction: Transaction, parts: Parts, notification: Notification) -> Attempt | None:
    if notification.state is NotificationState.SENDING:  # we hold the channel's lane: who was sending is gone
        notifications.interrupt(transaction, notification.id, parts.clock())
    attempt = notifications.begin_attempt(transaction, notification.id, parts.clock())
    if attempt is not None:
        _keep_pace(transaction, parts, notification)
    return attempt


def _keep_pace(transaction: Transaction, parts: Parts, notification: Notification) -> None:
    """Close the channel's lane for as long as must lie between two messages, whichever worker sends the next."""
    channel = parts.channel(notification.channel_key)
    if channel is not None and (pause := pace(channel)):
        parts.jobs.rest(channel.key, within=transaction, until=parts.clock() + pause)


async def _try(parts: Parts, notification: Notification, attempt: Attempt, message: Message) -> None:
    try:
        channel = _channel(parts, notification)
        receipt = await parts.notifier.send(channel, message, notification_id=notification.id)
    except (Temporary, Permanent) as error:
        await fall_back(parts, notification, attempt, error)
        return
    await _insist(lambda: _record_sent(parts, attempt, message, receipt))
    _note(parts, notification, attempt, outcome=Outcome.SENT)


def _channel(parts: Parts, notification: Notification) -> Channel:
    channel = parts.channel(notification.channel_key)
    if channel is None:
        raise Permanent(
            f"{notification.channel_label} is no longer in roundsman.yaml as it was; "
            "put it back and resend, or replay the delivery to tell the channels of today"
        )
    return channel


async def _record_sent(parts: Parts, attempt: Attempt, message: Message, receipt: str) -> None:
    await parts.store.write(notifications.record_sent, attempt, message=message, receipt=receipt, at=parts.clock())


async def fall_back(parts: Parts, notification: Notification, attempt: Attempt, error: Exception) -> None:
    """After a try that did not work: another one later, unless that will not help or patience has ended."""
    now, reason = parts.clock(), str(error)
    then = fallback(notification, attempt, error, patience=parts.patience, now=now)

    def record(transaction: Transaction) -> bool:
        if then.again_at is None:
            counts = notifications.record_dead(transaction, attempt, reason=reason, at=now)
        else:
            counts = notifications.record_put_off(transaction, attempt, reason=reason, at=now, again_at=then.again_at)
        if counts:
            _go_on(transaction, parts, notification, then)
        return counts

    if not await _insist(lambda: parts.store.write(record)):
        return  # it took so long that we were thought dead: another attempt has taken its place
    outcome = Outcome.PUT_OFF if then.again_at else Outcome.DEAD
    _note(parts, notification, attempt, outcome=outcome, reason=reason)
    if outcome is Outcome.DEAD:
        told = str(notification.id)
        log.warning("a notification is a dead letter: `roundsman dead-letters`", notification=told, reason=reason)
        parts.metrics.dead_letters.labels("notification").inc()


def _go_on(transaction: Transaction, parts: Parts, notification: Notification, then: Fallback) -> None:
    """Try again beside the lane, so that others go on; at its head where the channel wants none of them."""
    lane = notification.channel_key
    if then.rests_until:
        parts.jobs.rest(lane, within=transaction, until=then.rests_until)
    if then.again_at is None:
        return
    notifications.give_up_later(transaction, notification.id, then.give_up_at)
    if then.rests_until:
        parts.jobs.next_in(lane, "send", notification.id, within=transaction)
    else:
        parts.jobs.later("send", notification.id, within=transaction, at=then.again_at, lane=lane)


async def _insist(record: Callable[[], Awaitable[Recorded]]) -> Recorded:
    """Record what happened, however long the database is away: forgetting a sent message would send it twice."""
    while True:
        try:
            return await record()
        except Temporary as error:
            log.warning("an attempt waits to be recorded", reason=str(error))
            await asyncio.sleep(RECORD_AGAIN_S)


def _note(
    parts: Parts, notification: Notification, attempt: Attempt, *, outcome: Outcome, reason: str | None = None
) -> None:
    parts.metrics.attempts.labels(notification.channel_kind, outcome).inc()
    log.info(
        "attempt",
        notification=str(notification.id),
        event_id=str(notification.event_id),
        channel=notification.channel_label,
        number=attempt.number,
        outcome=outcome.value,
        reason=reason,
        ms=round((parts.clock() - attempt.started_at).total_seconds() * 1000),
    )
