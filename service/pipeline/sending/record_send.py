"""Record the outcome of an attempt, and leave the lane to its next message."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from service.channels import StillSending
from service.db.tables import Transaction
from service.errors import AccessRefused, Permanent, Temporary
from service.model import Attempt, LivingMessage, Notification, Outcome
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.lanes.leases import end_lease
from service.pipeline.news.living import record_refused, record_told
from service.pipeline.sending.begin_send import Begun
from service.pipeline.sending.retry import RetryDecision, decide_retry
from service.pipeline.sending.unknown_channels import retry_if_others_differ
from service.pipeline.waits.summaries import record_members
from service.store.notifications import notifications, summaries, told

RECORD_RETRY_S = 1.0
Result = TypeVar("Result")
Accept = Callable[[Begun, str], Awaitable[Begun | None]]

log = structlog.get_logger()


async def record_outcome(
    sending: Awaitable[str], context: Context, begun: Begun, *, accept: Accept | None = None
) -> Begun | None:
    """Await a send and record its outcome. Raises StillSending if it is not known yet.

    accept   records a success instead; returns the next attempt of the lane, which is under way then
    """
    following = None
    try:
        receipt = await sending
    except StillSending:
        raise
    except AccessRefused as error:
        reason = await retry_if_others_differ(context, error)
        await handle_failure(context, begun.notification, begun.attempt, reason, living=begun.message.living)
    except (Temporary, Permanent) as error:
        await handle_failure(context, begun.notification, begun.attempt, error, living=begun.message.living)
    else:
        if accept is not None:
            following = await accept(begun, receipt)
        else:
            await store_accepted(context, begun, receipt)
        _log_attempt(context, begun.notification, begun.attempt, outcome=Outcome.SENT)
    return following


async def store_accepted(context: Context, begun: Begun, receipt: str) -> None:
    """Record a success, and leave the lane to its next message."""
    await retry_until_stored(lambda: context.store.write(_record_accepted, context, begun, receipt))


def _record_accepted(transaction: Transaction, context: Context, begun: Begun, receipt: str) -> None:
    put_accepted(transaction, context, begun, receipt)
    enqueue_heads(transaction, context.jobs, [begun.notification], context.clock())


def put_accepted(transaction: Transaction, context: Context, begun: Begun, receipt: str) -> None:
    """Record that a channel accepted a message, and what it knows now."""
    now, notification = context.clock(), begun.notification
    record_told(transaction, receipt)
    remark = begun.message.remark
    sentence = f"{receipt}; {remark}" if remark else str(receipt)
    if notifications.record_sent(transaction, begun.attempt, message=begun.message, receipt=sentence, at=now):
        end_lease(transaction, context, notification)
    if begun.color is not None and notification.track_id is not None:
        told.put(transaction, (notification.track_id, notification.channel_key), begun.color, now)
    record_members(transaction, notification, now)


async def handle_failure(
    context: Context,
    notification: Notification,
    attempt: Attempt,
    error: Exception,
    *,
    living: LivingMessage | None = None,
) -> None:
    """Record a failed attempt, and schedule a retry or make a dead letter of it.

    living   the living message as it was before the attempt
    """
    now, reason = context.clock(), str(error)
    decision = decide_retry(notification, attempt, error, policy=context.retry_policy, now=now)

    def record(transaction: Transaction) -> bool:
        if decision.retry_at is None:
            counts = notifications.record_dead(transaction, attempt, reason=reason, at=now)
        else:
            counts = notifications.record_put_off(
                transaction, attempt, reason=reason, at=now, again_at=decision.retry_at
            )
        if counts and decision.retry_at is None:
            summaries.note_dead(transaction, notification.id)
        if counts:
            record_refused(transaction, living, error)
            end_lease(transaction, context, notification)
            _schedule_retry(transaction, context, notification, decision)
        enqueue_heads(transaction, context.jobs, [notification], now)
        return counts

    if not await retry_until_stored(lambda: context.store.write(record)):
        return  # it took so long that we were taken for dead: another attempt has replaced this one
    outcome = Outcome.PUT_OFF if decision.retry_at else Outcome.DEAD
    _log_attempt(context, notification, attempt, outcome=outcome, reason=reason)
    if outcome is Outcome.DEAD:
        notification_id = str(notification.id)
        log.warning(
            "a notification is a dead letter: `roundsman dead-letters`", notification=notification_id, reason=reason
        )
        context.metrics.dead_letters.labels("notification").inc()


def _schedule_retry(
    transaction: Transaction, context: Context, notification: Notification, decision: RetryDecision
) -> None:
    """Give a retry its time; if the channel asked for a pause, pause its lane.

    After the pause the retry is first in the lane. Without a pause other messages are sent meanwhile.
    """
    if decision.pause_until:
        context.jobs.pause_lane(notification.lane, within=transaction, until=decision.pause_until)
    if decision.retry_at is not None:
        notifications.extend_deadline(transaction, notification.id, decision.give_up_at)


async def retry_until_stored(record: Callable[[], Awaitable[Result]]) -> Result:
    """Retry until the outcome is stored, also while the database is away for long.

    A sent message without a record would be sent twice.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await record()
        except Temporary as error:
            log.warning("an attempt waits to be recorded", reason=str(error), tries=tries)
            await asyncio.sleep(RECORD_RETRY_S)


def _log_attempt(
    context: Context, notification: Notification, attempt: Attempt, *, outcome: Outcome, reason: str | None = None
) -> None:
    context.metrics.attempts.labels(notification.channel_kind, outcome).inc()
    say = log.warning if outcome is Outcome.DEAD else log.info
    say(
        "attempt",
        notification=str(notification.id),
        event_id=str(notification.event_id) if notification.event_id else None,
        channel=notification.channel_label,
        number=attempt.number,
        outcome=outcome.value,
        reason=reason,
        ms=round((context.clock() - attempt.started_at).total_seconds() * 1000),
    )
