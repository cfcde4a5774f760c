"""Living messages: their colors and updates by the news of an incident."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from service.db.tables import Transaction
from service.model import Color, LivingMessage, LivingReceipt, Message, News, Notification, Update
from service.store import living_messages

LIVING_KINDS = frozenset({"slack-bot"})  # kinds of channels that can edit a message
UPDATES: Mapping[News, tuple[Color, Update]] = {
    News.BROKE: (Color.RED, Update.POST),
    News.STILL_BROKEN: (Color.RED, Update.REPLY),
    News.FIXED: (Color.GREEN, Update.REPLY),
    News.REMINDER: (Color.RED, Update.REMIND),
    News.ESCALATION: (Color.RED, Update.REMIND),
}


def add_living(transaction: Transaction, notification: Notification, message: Message, now: datetime) -> Message:
    """Return the message with the living one that it belongs to, if there is one.

    From now on that is unsure: if this process dies, its message is looked for in the channel.
    """
    if notification.channel_kind not in LIVING_KINDS or notification.incident_id is None:
        return message
    if notification.news not in UPDATES:
        return message
    color, update = UPDATES[notification.news]
    before = living_messages.begin(transaction, notification.incident_id, notification.channel_key, now)
    return replace(message, living=replace(before, color=color), update=update)


def record_told(transaction: Transaction, receipt: str) -> None:
    """Record where the living message of an accepted message is."""
    if isinstance(receipt, LivingReceipt):
        living_messages.record(transaction, receipt.living)


def record_refused(transaction: Transaction, living: LivingMessage | None, error: Exception) -> None:
    """Record that an attempt has surely posted nothing, where that is so."""
    if living is not None and getattr(error, "was_not_taken", False):
        living_messages.settle(transaction, living)
