"""Notifications about no event: news of Roundsman's own, planned for a receiver."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from service.channels import gets_no_good_news, server_lane
from service.db.tables import Transaction
from service.message.own import compose_own
from service.model import Channel, Message, News, Notification, NotificationState, WaitsFor
from service.pipeline.context import Context
from service.store.notifications import notifications

SEVERITIES = {News.OPERATOR: "warning"}
ALARM_ENDED = ":ended"
"""The end of the topic of a message that an alarm has ended: good news, for channels that show a color."""


@dataclass(frozen=True, kw_only=True)
class OwnNews:
    """News about no event, before they are planned for channels.

    topic    of two with one topic a channel gets the first
    title    and ``words`` are what is sent, one paragraph in each line
    due_at   the time at which they are sent; ``waits_for`` says why not before
    kind     the word for it where notifications are listed; None: that of ``news``
    """

    news: News
    topic: str
    receiver: str
    title: str
    words: str
    due_at: datetime
    waits_for: WaitsFor | None = None
    kind: str | None = None


def plan_own(
    transaction: Transaction, context: Context, own: OwnNews, channels: Sequence[Channel]
) -> list[Notification]:
    """Plan a notification for each channel; return the new ones.

    The caller enqueues the heads of their lanes.
    """
    told = [one for one in channels if not gets_no_good_news(one, _severity(own.news, own.topic))]
    wanted = [_for_channel(context, own, channel) for channel in told]
    return notifications.insert(transaction, wanted)


def compose_of(notification: Notification) -> Message:
    """Return the message of a notification about no event."""
    severity = _severity(notification.news, notification.topic)
    message = compose_own(notification.title or notification.route, notification.words or "", severity=severity)
    return replace(message, subject=f"own:{notification.topic.removesuffix(ALARM_ENDED)}", news=notification.news)


def _severity(news: News, topic: str) -> str:
    return "success" if topic.endswith(ALARM_ENDED) else SEVERITIES.get(news, "info")


def _for_channel(context: Context, own: OwnNews, channel: Channel) -> Notification:
    now = context.clock()
    return Notification(
        id=uuid4(),
        event_id=None,
        topic=own.topic,
        route=own.kind or own.news,
        receiver=own.receiver,
        channel_key=channel.key,
        channel_label=channel.label,
        channel_kind=channel.kind,
        state=NotificationState.PENDING,
        attempts=0,
        created_at=context.planned_at.take(now),
        next_attempt_at=own.due_at,
        give_up_at=max(now, own.due_at) + context.retry_policy.give_up_after,
        title=own.title,
        words=own.words,
        server_lane=server_lane(channel),
        news=own.news,
        waits_for=own.waits_for,
    )
