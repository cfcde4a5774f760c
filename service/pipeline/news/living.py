"""Living messages: their colors and updates by the news of an incident."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.model import Color, Listener, LivingMessage, LivingReceipt, Message, News, Notification, Update, WaitsFor
from service.pipeline.context import Context
from service.store.notifications import living_messages, notifications

LIVING_KINDS = frozenset({"slack-bot"})  # kinds of channels that can edit a message
OPENING = frozenset({News.BROKE, News.STILL_BROKEN})
# what waits for one of these is told of the newest red
HELD_BACK = frozenset({WaitsFor.RERUN, WaitsFor.GROUP, WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE})
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
    before = living_messages.begin(transaction, notification, now)
    return replace(message, living=replace(before, color=color), update=update)


def has_living_channels(context: Context) -> bool:
    """Return whether a channel of roundsman.yaml can edit messages."""
    every = (channel for receiver in context.receivers.values() for channel in receiver.channels)
    return any(channel.kind in LIVING_KINDS for channel in every)


def find_listeners(
    transaction: Transaction, incident_ids: Collection[UUID], track_ids: Collection[int]
) -> Mapping[UUID, Mapping[str, Listener]]:
    """Return the channels that follow incidents, by incident and key.

    Those have its living message, or are about to get it.
    """
    found: dict[UUID, dict[str, Listener]] = {incident_id: {} for incident_id in incident_ids}
    for one in notifications.unfinished_of_tracks(transaction, track_ids):
        is_opening = one.news in OPENING and one.waits_for not in HELD_BACK
        if one.incident_id in found and one.channel_kind in LIVING_KINDS and is_opening:
            found[one.incident_id][one.channel_key] = Listener(
                incident_id=one.incident_id, channel_key=one.channel_key, route=one.route, receiver=one.receiver
            )
    for listener in living_messages.listeners(transaction, incident_ids):
        found[listener.incident_id][listener.channel_key] = listener
    return found


def record_simulated(transaction: Transaction, notification: Notification, now: datetime) -> None:
    """Record the living message of news that a simulation told as if posted."""
    if notification.channel_kind not in LIVING_KINDS or notification.incident_id is None:
        return
    if notification.news in UPDATES:
        color, _ = UPDATES[notification.news]
        before = living_messages.begin(transaction, notification, now)
        living_messages.record(transaction, replace(before, color=color, slack_channel="", ts=before.ts or "0"))


def record_told(transaction: Transaction, receipt: str) -> None:
    """Record where the living message of an accepted message is."""
    if isinstance(receipt, LivingReceipt):
        living_messages.record(transaction, receipt.living)


def record_refused(transaction: Transaction, living: LivingMessage | None, error: Exception) -> None:
    """Record that an attempt has surely posted nothing, where that is so."""
    if living is not None and getattr(error, "was_not_taken", False):
        living_messages.settle(transaction, living)
