"""From a notification to an attempt: one job, one try, and what came of it is on record."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from service.errors import Permanent, Temporary
from service.message import compose
from service.model import Attempt, Channel, Message, Notification, NotificationState, Outcome
from service.pipeline.parts import Parts
from service.store import events, notifications

RECORD_AGAIN_S = 1.0
OWED = frozenset({NotificationState.PENDING, NotificationState.SENDING})

log = structlog.get_logger()


async def send(parts: Parts, notification_id: UUID) -> None:
    """Try once to tell the channel; a try that did not work leads to another one later, or to a dead letter.

    Run in the channel's lane, one at a time: what looks as if it were being sent was cut off.
    """
    async with parts.store.reading() as transaction:
        notification = await notifications.find(transaction, notification_id)
        if notification.state not in OWED or notification.next_attempt_at > parts.clock():
            return  # settled, or put off: another job will come for it
        event = await events.find(transaction, notification.event_id)
        details = await events.find_details(transaction, event.id)
    event_url = f"{parts.public_url}/events/{event.id}" if parts.public_url else None
    message = compose(event, details, event_url=event_url)
    async with parts.store.writing() as transaction:
        if notification.state is NotificationState.SENDING:  # we hold the channel's lane: who was sending is gone
            await notifications.interrupt(transaction, notification_id, parts.clock())
        attempt = await notifications.begin_attempt(transaction, notification_id, parts.clock())
    if attempt is not None:
        await _try(parts, notification, attempt, message)


async def _try(parts: Parts, notification: Notification, attempt: Attempt, message: Message) -> None:
    try:
        receipt = await parts.notifier.send(_channel(parts, notification), message)
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
    async with parts.store.writing() as transaction:
        await notifications.record_sent(transaction, attempt, message=message, receipt=receipt, at=parts.clock())


async def fall_back(parts: Parts, notification: Notification, attempt: Attempt, error: Exception) -> None:
    """After a try that did not work: another one later, unless that is no use or patience has ended."""
    now = parts.clock()
    retry_after_s = error.retry_after_s if isinstance(error, Temporary) else None
    again_at = now + parts.patience.pause(attempt.number, asked_for_s=retry_after_s)
    is_over = isinstance(error, Permanent) or again_at > notification.give_up_at

    async def record() -> None:
        async with parts.store.writing() as transaction:
            if is_over:
                await notifications.record_dead(transaction, attempt, reason=str(error), at=now)
                return
            await notifications.record_put_off(transaction, attempt, reason=str(error), at=now, again_at=again_at)
            lane = notification.channel_key
            await parts.jobs.later("send", notification.id, within=transaction, at=again_at, lane=lane)

    await _insist(record)
    _note(parts, notification, attempt, outcome=Outcome.DEAD if is_over else Outcome.PUT_OFF, reason=str(error))
    if is_over:
        parts.metrics.dead_letters.labels("notification").inc()


async def _insist(record: Callable[[], Awaitable[None]]) -> None:
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
