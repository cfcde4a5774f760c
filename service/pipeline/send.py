"""Send a notification: each queue job makes one attempt and records its outcome."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog

from service.channels import StillSending, min_interval
from service.db.tables import Transaction
from service.errors import AccessRefused, Permanent, Temporary
from service.message import compose
from service.model import Attempt, Channel, Details, Event, Message, Notification, NotificationState, Outcome
from service.pipeline.context import Context
from service.pipeline.late_sends import LEASE, RENEW_EVERY_S
from service.pipeline.retry import RetryDecision, decide_retry
from service.pipeline.unknown_channels import leave_to_other_workers, retry_if_others_differ
from service.queue.claims import Claim, current_claim
from service.queue.handlers import run_guarded
from service.store import events, notifications

RECORD_RETRY_S = 1.0
CLOCK_SKEW = timedelta(seconds=2)  # our clock may be this far behind Postgres' clock, by which the job became due
Result = TypeVar("Result")
UNSENT_STATES = frozenset({NotificationState.PENDING, NotificationState.SENDING})

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Begun:
    """An attempt that is on record, and the message to send."""

    notification: Notification
    attempt: Attempt
    message: Message


async def send(context: Context, notification_id: UUID) -> None:
    """Attempt to send a notification once; a failure leads to a retry or dead letter.

    Run in the channel's lane, one job at a time, and only while the job is this worker's: one that was frozen may find
    its job given to another.
    """
    claim, now = current_claim(), context.clock()
    try:
        begun = await context.store.write(_begin, context, claim, notification_id, now=now)
    except Temporary:
        context.unsure_begins.add((notification_id, now))
        raise
    context.unsure_begins.difference_update([begin for begin in context.unsure_begins if begin[0] == notification_id])
    if begun is not None:
        await _send_and_record(context, begun)


def _begin(
    transaction: Transaction, context: Context, claim: Claim, notification_id: UUID, *, now: datetime
) -> Begun | None:
    """Record the begin of an attempt; None if there is nothing to send now."""
    if not claim(transaction):
        log.warning("a job was given to another worker meanwhile", notification=str(notification_id))
        return None
    notification, event, details = _load(transaction, notification_id)
    if not _may_begin(transaction, context, notification, now):
        return None
    is_unknown = context.channel(notification.channel_key) is None
    if is_unknown and leave_to_other_workers(transaction, context, notification):
        return None
    event_url = f"{context.public_url}/events/{event.id}" if context.public_url else None
    message = compose(event, details, event_url=event_url)
    attempt = notifications.begin_attempt(
        transaction, notification.id, now, until=now + context.retry_policy.send_lease
    )
    if attempt is None:
        return None
    _pause_lane(transaction, context, notification)
    return Begun(notification=_with_patience(transaction, notification, now), attempt=attempt, message=message)


def _load(transaction: Transaction, notification_id: UUID) -> tuple[Notification, Event, Details | None]:
    notification = notifications.find(transaction, notification_id)
    event = events.find(transaction, notification.event_id)
    return notification, event, events.find_details(transaction, event.id)


def _may_begin(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Return whether an attempt may begin now; if not, requeue what is left to do."""
    lane = notification.lane
    if notification.state is NotificationState.PENDING:
        if is_due := notification.next_attempt_at <= now + CLOCK_SKEW:
            return is_due
        context.jobs.enqueue("send", notification.id, within=transaction, at=notification.next_attempt_at, lane=lane)
    elif notification.state is NotificationState.SENDING:
        if _withdraw_unsure(transaction, context, notification):
            return True
        if notification.id in context.late_sends:  # the lease ran out while the database was away
            _lease_and_requeue(transaction, context, context.late_sends[notification.id], lane)
        elif context.store.is_shared and notification.next_attempt_at > now:  # another worker may be sending it
            context.jobs.pause_lane(lane, within=transaction, until=notification.next_attempt_at)
            context.jobs.enqueue_first(lane, "send", notification.id, within=transaction)
        else:
            return notifications.end_interrupted(transaction, notification.id, now)
    return False


def _withdraw_unsure(transaction: Transaction, context: Context, notification: Notification) -> bool:
    """Withdraw an attempt of ours that never was: its begin was not confirmed."""
    begun_at = notifications.open_attempt_begun_at(transaction, notification.id)
    if (notification.id, begun_at) not in context.unsure_begins:
        return False
    notifications.withdraw_attempt(transaction, notification.id)
    return True


def _with_patience(transaction: Transaction, notification: Notification, now: datetime) -> Notification:
    """Extend the time for retries by the time for which a retry was late.

    The time for which its lane was full, or we or our database were away, is no fault of the channel.
    """
    if notification.attempts == 0 or now <= notification.next_attempt_at:
        return notification
    give_up_at = notification.give_up_at + (now - notification.next_attempt_at)
    notifications.extend_deadline(transaction, notification.id, give_up_at)
    return replace(notification, give_up_at=give_up_at)


def _pause_lane(transaction: Transaction, context: Context, notification: Notification) -> None:
    """Pause the lane for the channel's minimum interval between messages.

    The pause holds for all workers.
    """
    channel = context.channel(notification.channel_key)
    if channel is not None and (pause := min_interval(channel)):
        context.jobs.pause_lane(notification.lane, within=transaction, until=context.clock() + pause)


async def _send_and_record(context: Context, begun: Begun) -> None:
    notification, attempt, message = begun.notification, begun.attempt, begun.message
    context.late_sends.note(attempt)
    sending = _send_to_channel(context, notification, message)
    try:
        await _record_outcome(sending, context, notification, attempt, message=message)
    except StillSending as late:
        await _retry_until_stored(lambda: context.store.write(_lease_and_requeue, context, attempt, notification.lane))
        log.info("a send outlasts its job", notification=str(notification.id), reason=str(late))
        ending = _record_outcome(late.outcome(), context, notification, attempt, message=message)
        context.late_sends.add(attempt, _await_late_send(context, notification, attempt, ending))
    else:
        context.late_sends.forget(notification.id)


async def _send_to_channel(context: Context, notification: Notification, message: Message) -> str:
    return await context.notifier.send(_channel(context, notification), message, notification_id=notification.id)


def _channel(context: Context, notification: Notification) -> Channel:
    channel = context.channel(notification.channel_key)
    if channel is None:
        raise Permanent(
            f"{notification.channel_label} is no longer in roundsman.yaml as it was; "
            "put it back and resend, or replay the delivery to tell the channels of today"
        )
    return channel


async def _record_outcome(
    sending: Awaitable[str], context: Context, notification: Notification, attempt: Attempt, *, message: Message
) -> None:
    """Await a send and record its outcome. Raises StillSending if it is not known yet."""
    try:
        receipt = await sending
    except StillSending:
        raise
    except AccessRefused as error:
        await handle_failure(context, notification, attempt, await retry_if_others_differ(context, error))
        return
    except (Temporary, Permanent) as error:
        await handle_failure(context, notification, attempt, error)
        return

    def record(transaction: Transaction) -> None:
        if notifications.record_sent(transaction, attempt, message=message, receipt=receipt, at=context.clock()):
            _end_lease(transaction, context, notification)

    await _retry_until_stored(lambda: context.store.write(record))
    _log_attempt(context, notification, attempt, outcome=Outcome.SENT)


def _lease_and_requeue(transaction: Transaction, context: Context, attempt: Attempt, lane: str) -> None:
    """Lease notification and lane to a late send, and enqueue a job first in the lane.

    If this process ends, that job continues after the lease.
    """
    if _extend_lease(transaction, context, attempt, lane):
        context.jobs.enqueue_first(lane, "send", attempt.notification_id, within=transaction)


def _renew_lease(transaction: Transaction, context: Context, attempt: Attempt, lane: str) -> None:
    _extend_lease(transaction, context, attempt, lane)


def _extend_lease(transaction: Transaction, context: Context, attempt: Attempt, lane: str) -> bool:
    """Extend the lease of an attempt; False, and nothing, if another has replaced it."""
    until = context.clock() + LEASE
    if not notifications.block_until(transaction, attempt, until=until):
        return False
    context.jobs.pause_lane(lane, within=transaction, until=until)
    return True


async def _await_late_send(
    context: Context, notification: Notification, attempt: Attempt, ending: Awaitable[None]
) -> None:
    """Renew the lease until the outcome of a late send is recorded."""
    end = asyncio.ensure_future(run_guarded("a late send", ending))
    try:
        while not (await asyncio.wait({end}, timeout=RENEW_EVERY_S))[0]:
            renewing = context.store.write(_renew_lease, context, attempt, notification.lane)
            await run_guarded("the lease of a late send", renewing)
    finally:
        end.cancel()
    if (error := end.result()) is not None:
        await handle_failure(context, notification, attempt, Temporary(f"{type(error).__name__}: {error}"))


async def finish_sends(context: Context) -> None:
    """Wait for late sends while the grace lasts; record the others as interrupted.

    Each of these is sent again, by another process or after the next start.
    """
    left = await context.late_sends.finish()
    if not left:
        return
    log.warning("sends are cut off: their messages are sent again", sends=len(left))
    await run_guarded("the record of cut off sends", context.store.write(_record_interrupted, context, left))


def _record_interrupted(transaction: Transaction, context: Context, attempts: Sequence[Attempt]) -> None:
    now = context.clock()
    for attempt in attempts:
        if notifications.end_interrupted(transaction, attempt.notification_id, now, number=attempt.number):
            lane = notifications.find(transaction, attempt.notification_id).lane
            context.jobs.pause_lane(lane, within=transaction, until=now)


def _end_lease(transaction: Transaction, context: Context, notification: Notification) -> None:
    """End the lease on the lane of a late send; do nothing for other sends."""
    if notification.id in context.late_sends:
        context.jobs.pause_lane(notification.lane, within=transaction, until=context.clock())


async def fail_send(context: Context, notification_id: UUID, error: Exception) -> None:
    """Schedule a retry of a send that failed unexpectedly.

    Raises a Temporary again if no attempt has begun: that is trouble of our own database. The job runs again, and no
    attempt is counted.
    """
    reason = Temporary(f"{type(error).__name__}: {error}")
    if attempt := context.late_sends.noted(notification_id):
        notification = await context.store.read(notifications.find, notification_id)
        await handle_failure(context, notification, attempt, reason)
        context.late_sends.forget(notification_id)
        return
    if isinstance(error, Temporary):
        raise error
    claim, now = current_claim(), context.clock()
    begun = await context.store.write(_begin_failed, context, claim, notification_id, now=now)
    if begun is not None:
        notification, attempt = begun
        await handle_failure(context, notification, attempt, reason)


def _begin_failed(
    transaction: Transaction, context: Context, claim: Claim, notification_id: UUID, *, now: datetime
) -> tuple[Notification, Attempt] | None:
    if not claim(transaction):
        return None
    notification = notifications.find(transaction, notification_id)
    if not _may_begin(transaction, context, notification, now):
        return None
    attempt = notifications.begin_attempt(
        transaction, notification_id, now, until=now + context.retry_policy.send_lease
    )
    return None if attempt is None else (notification, attempt)


async def handle_failure(context: Context, notification: Notification, attempt: Attempt, error: Exception) -> None:
    """Record a failed attempt, and schedule a retry or make a dead letter of it."""
    now, reason = context.clock(), str(error)
    decision = decide_retry(notification, attempt, error, policy=context.retry_policy, now=now)

    def record(transaction: Transaction) -> bool:
        if decision.retry_at is None:
            counts = notifications.record_dead(transaction, attempt, reason=reason, at=now)
        else:
            counts = notifications.record_put_off(
                transaction, attempt, reason=reason, at=now, again_at=decision.retry_at
            )
        if counts:
            _end_lease(transaction, context, notification)
            _schedule_retry(transaction, context, notification, decision)
        return counts

    if not await _retry_until_stored(lambda: context.store.write(record)):
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
    """Schedule a retry; if the channel asked for a pause, pause its lane.

    After the pause the retry is first in the lane. Without a pause it waits outside the lane, so that other messages
    are sent meanwhile.
    """
    lane = notification.lane
    if decision.pause_until:
        context.jobs.pause_lane(lane, within=transaction, until=decision.pause_until)
    if decision.retry_at is None:
        return
    notifications.extend_deadline(transaction, notification.id, decision.give_up_at)
    if decision.pause_until:
        context.jobs.enqueue_first(lane, "send", notification.id, within=transaction)
    else:
        context.jobs.enqueue("send", notification.id, within=transaction, at=decision.retry_at, lane=lane)


async def _retry_until_stored(record: Callable[[], Awaitable[Result]]) -> Result:
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
        event_id=str(notification.event_id),
        channel=notification.channel_label,
        number=attempt.number,
        outcome=outcome.value,
        reason=reason,
        ms=round((context.clock() - attempt.started_at).total_seconds() * 1000),
    )
