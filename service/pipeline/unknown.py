"""A channel that this worker's roundsman.yaml does not have, while another worker's may.

While a new roundsman.yaml is rolled out, for seconds or minutes, some workers have it and some do not; what one of them
does not know is no reason to give a message up.
"""

import structlog

from service.model import Notification, NotificationState
from service.pipeline.parts import Parts
from service.store import notifications
from service.tables import Transaction

log = structlog.get_logger()


def leave_to_others(transaction: Transaction, parts: Parts, notification: Notification) -> bool:
    """Put a notification off, without an attempt, for a worker that knows its channel.

    False when none has come for as long as that may take.
    """
    now, patience = parts.clock(), parts.patience
    if notification.state is NotificationState.SENDING:  # cut off, as its lane is ours now
        notifications.interrupt(transaction, notification.id, now)
    since = notifications.unknown_since(transaction, notification.id, now)
    if since is None:
        return True  # it has been settled meanwhile
    if now >= since + patience.for_other_workers:
        return False
    again_at, give_up_at = now + patience.between_workers, since + patience.for_other_workers
    reason = (
        f"{notification.channel_label} is not in this worker's roundsman.yaml: it waits until "
        f"{give_up_at:%H:%M:%S} UTC for a worker that has it; restart those with an old file"
    )
    notifications.put_off_unknown(transaction, notification, again_at=again_at, reason=reason)
    parts.jobs.later("send", notification.id, within=transaction, at=again_at, lane=notification.lane)
    log.warning("a notification waits for a worker with another roundsman.yaml", notification=str(notification.id))
    return True
