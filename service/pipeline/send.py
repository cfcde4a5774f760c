"""Send a notification, then those that wait in its lane; record each outcome."""

from collections.abc import Awaitable
from uuid import UUID

import structlog

from service.channels import StillSending
from service.errors import NotBegun, Permanent, Temporary
from service.model import Channel, Notification
from service.pipeline.context import Context
from service.pipeline.lanes.leases import lease, renew_while
from service.pipeline.sending.begin_send import Begun, begin_failed
from service.pipeline.sending.next_send import Turn
from service.pipeline.sending.record_send import handle_failure, record_outcome, retry_until_stored
from service.queue.claims import current_claim
from service.queue.handlers import run_guarded
from service.store.notifications import notifications

log = structlog.get_logger()


async def send(context: Context, notification_id: UUID) -> None:
    """Attempt to send a notification once, then those that wait in its lane.

    A failure leads to a retry or dead letter, and ends the turn. Run in the channel's lane, one job at a time, and only
    while the job is this worker's: one that was frozen may find its job given to another.
    """
    turn = Turn(context)
    begun = await turn.begin(notification_id)
    if begun is not None:
        begun = await _send_and_record(context, turn, begun)
    while begun is not None:
        begun = await _go_on(context, turn, begun)


async def _go_on(context: Context, turn: Turn, begun: Begun) -> Begun | None:
    """Send what has begun after another message: its error is not that of the job."""
    following: list[Begun | None] = []

    async def attempt() -> None:
        following.append(await _send_and_record(context, turn, begun))

    error = await run_guarded("send", attempt())
    if error is not None:
        await fail_send(context, begun.notification.id, error)
    return following[0] if following else None


async def _send_and_record(context: Context, turn: Turn, begun: Begun) -> Begun | None:
    notification, attempt = begun.notification, begun.attempt
    context.late_sends.note(attempt)
    try:
        following = await record_outcome(_send_to_channel(context, begun), context, begun, accept=turn.accept)
    except StillSending as late:
        await retry_until_stored(lambda: context.store.write(lease, context, attempt, notification))
        log.info("a send outlasts its job", notification=str(notification.id), reason=str(late))
        ending = _record_late(context, begun, late.outcome())
        context.late_sends.add(attempt, _await_late_send(context, begun, ending))
        return None
    context.late_sends.forget(notification.id)
    return following


async def _send_to_channel(context: Context, begun: Begun) -> str:
    notification = begun.notification
    channel = _channel(context, notification)
    return await context.notifier.send(channel, begun.message, notification_id=notification.id)


def _channel(context: Context, notification: Notification) -> Channel:
    channel = context.channel(notification.channel_key)
    if channel is None:
        raise Permanent(
            f"{notification.channel_label} is no longer in roundsman.yaml as it was; "
            "put it back and resend, or replay the delivery to tell the channels of today"
        )
    return channel


async def _record_late(context: Context, begun: Begun, outcome: Awaitable[str]) -> None:
    await record_outcome(outcome, context, begun)


async def _await_late_send(context: Context, begun: Begun, ending: Awaitable[None]) -> None:
    """Keep the lease until the outcome of a late send is recorded."""
    error = await renew_while(context, begun.attempt, begun.notification.lane, ending)
    if error is not None:
        reason = Temporary(f"{type(error).__name__}: {error}")
        await handle_failure(context, begun.notification, begun.attempt, reason)


async def fail_send(context: Context, notification_id: UUID, error: Exception) -> None:
    """Schedule a retry of a send that failed unexpectedly.

    Raises a Temporary again if no attempt has begun: that is trouble of our own database. The job runs again, and no
    attempt is counted.
    """
    if isinstance(error, NotBegun):
        raise error  # an attempt that is noted is of another run of this job, and under way
    reason = Temporary(f"{type(error).__name__}: {error}")
    if attempt := context.late_sends.noted(notification_id):
        notification = await context.store.read(notifications.find, notification_id)
        await handle_failure(context, notification, attempt, reason)
        context.late_sends.forget(notification_id)
        return
    if isinstance(error, Temporary):
        raise error
    claim, now = current_claim(), context.clock()
    begun = await context.store.write(begin_failed, context, claim, notification_id, now=now)
    if begun is not None:
        notification, attempt = begun
        await handle_failure(context, notification, attempt, reason)
