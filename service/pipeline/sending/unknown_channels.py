"""Leave notifications to other workers while a new roundsman.yaml is rolled out.

For seconds or minutes some workers have the new file or newer secrets, and some do not. A channel that one worker does
not know is no reason to give up a message.
"""

from datetime import datetime, timedelta

import structlog

from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Notification, NotificationState
from service.pipeline.context import Context
from service.store.notifications import notifications
from service.store.upkeep import heartbeats

SENDER_ALIVE_WITHIN = timedelta(seconds=45)  # four heartbeats: longer than a worker counts as alive for readiness

log = structlog.get_logger()


def leave_to_other_workers(transaction: Transaction, context: Context, notification: Notification) -> bool:
    """Put a notification off, without an attempt, for a worker that knows its channel.

    Returns False after ``unknown_channel_timeout``.
    """
    now, policy = context.clock(), context.retry_policy
    if notification.state is NotificationState.SENDING:  # interrupted: its lane is ours now
        notifications.end_interrupted(transaction, notification.id, now)
    since = notifications.note_unknown_channel(transaction, notification.id, now)
    if since is None:
        return True  # it is no longer to be sent
    if now >= since + policy.unknown_channel_timeout:
        return False
    again_at, give_up_at = now + policy.unknown_channel_pause, since + policy.unknown_channel_timeout
    reason = _reason(notification, give_up_at, is_shared=context.store.is_shared)
    notifications.postpone_unknown(transaction, notification, again_at=again_at, reason=reason)
    log.warning("a notification waits for a roundsman.yaml that has its channel", notification=str(notification.id))
    return True


def _reason(notification: Notification, give_up_at: datetime, *, is_shared: bool) -> str:
    """Return the reason why a notification waits, and what ends that.

    is_shared   there may be another worker that has the channel
    """
    label, until = notification.channel_label, f"{give_up_at:%H:%M:%S} UTC"
    if not is_shared:
        return (
            f"{label} is no longer in roundsman.yaml as it was: it waits until {until}; "
            "put it back and reload, or replay the delivery to tell the channels of today"
        )
    return (
        f"{label} is not in this worker's roundsman.yaml: it waits until {until} for a worker that has it; "
        "restart those with an old file"
    )


async def retry_if_others_differ(context: Context, error: Permanent) -> Permanent | Temporary:
    """Return Temporary instead of a refusal while another worker has other channels.

    The refusal of our address or credentials is final only if no other worker has newer ones.
    """
    since = context.clock() - SENDER_ALIVE_WITHIN
    if not context.store.is_shared or not await context.store.read(
        heartbeats.have_other_channels, context.channels, since=since
    ):
        return error
    reason = Temporary(f"{error}; a worker that has another roundsman.yaml or other secrets may do better")
    reason.was_not_taken = error.was_not_taken
    return reason
