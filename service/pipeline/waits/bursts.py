"""Bursts: one message for more than a channel's pace lets through in minutes.

A channel with a documented pace gets one message each second or so. Where hundreds are due, the last would come long
after it matters; then one message tells all that is due, and each stays on record.
"""

from datetime import datetime, timedelta

from service.channels import min_interval
from service.db.tables import Transaction
from service.model import Notification, NotificationState
from service.pipeline.context import Context
from service.pipeline.waits.still_counts import still_counting
from service.pipeline.waits.summaries import BURST, Joint, needs_message_each, tell_together
from service.routing.news import REMINDERS
from service.store.notifications import summaries

MAX_LAG = timedelta(minutes=5)
MAX_MEMBERS = 500  # of one message: the begin of a send must not hold the database for long


def end_burst(transaction: Transaction, context: Context, notification: Notification, now: datetime) -> bool:
    """Tell what is due on a channel in one message, if its pace allows no more.

    Returns True if the notification is not sent by itself now.
    """
    channel = context.channel(notification.channel_key)
    if channel is None or not _may_be_collapsed(notification) or needs_message_each(channel):
        return False
    pace = min_interval(channel)
    limit = MAX_LAG // pace if pace else 0
    if not limit or summaries.count_due(transaction, notification, now, limit=limit + 1) <= limit:
        return False
    if not summaries.lock_pending(transaction, notification.id):
        return False
    due = [one for one in summaries.find_due(transaction, notification, now) if _may_be_collapsed(one)]
    others = [one for one in due if one.id != notification.id][: MAX_MEMBERS - 1]
    told = still_counting(transaction, context, [notification, *others], now)
    if len(told) > 1:
        return tell_together(transaction, context, told, Joint(kind=BURST)) is not None
    return notification.id not in {one.id for one in told}


def _may_be_collapsed(notification: Notification) -> bool:
    is_untried = notification.state is NotificationState.PENDING and notification.attempts == 0
    return is_untried and notification.event_id is not None and notification.news not in REMINDERS
