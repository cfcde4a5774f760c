"""One message that tells several news of a channel, each of which stays on record.

The message is a notification of its own. The news that it tells name it, and are told once it is accepted; a message
that becomes a dead letter has told nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from service.channels import opens_incidents
from service.db.tables import Transaction
from service.model import Channel, News, Notification, NotificationState, WaitsFor
from service.pipeline.context import Context
from service.pipeline.news.channel_knowledge import color_told
from service.pipeline.news.living import LIVING_KINDS
from service.store.events import events
from service.store.notifications import notifications, summaries, told

GUARDED = "guarded"
"""The kind of a shared cause without a fingerprint, in the topic of its message."""
GROUP, BURST, CAUSE = "group", "burst", "cause"
HEARD = "heard"
"""The first word of the topic of a message about a cause to those who were told of its incidents before."""
KINDS = frozenset({GROUP, BURST, CAUSE})
"""The kinds of such messages: the first words of their topics."""
NOTHING_LEFT = "newer news took the place of all that it was to tell"


def kind_of(notification: Notification) -> str | None:
    """Return the kind of a message that tells several news; None for any other."""
    kind = notification.topic.partition(":")[0]
    return kind if notification.news is News.SUMMARY and kind in KINDS else None


def cause_topics(kind: str) -> tuple[str, ...]:
    """Return the beginnings of the topics of messages about a shared cause."""
    return (f"{CAUSE}:{kind}:", f"{HEARD}:{kind}:")


def evidence_of(kind: str) -> str:
    """Return what the incidents of a shared cause have in common."""
    alike = "nearly all their tests fail, or jobs timed out" if kind == GUARDED else "the same failure in all of them"
    return f"Within 30 minutes of each other, {alike}."


def needs_message_each(channel: Channel) -> bool:
    """Return whether each incident needs messages of its own on a channel.

    A service of incidents opens and closes each by its own key, and a living message is one of each incident.
    """
    return channel.kind in LIVING_KINDS or opens_incidents(channel)


@dataclass(frozen=True, kw_only=True)
class Joint:
    """The kind of a message that tells several news.

    topic   a channel gets one message of each; None: it is unlike any other
    title   None: one that counts the news
    """

    kind: str
    topic: str | None = None
    title: str | None = None


def tell_together(
    transaction: Transaction, context: Context, news: Sequence[Notification], joint: Joint
) -> Notification | None:
    """Have one message tell pending news of one channel.

    The caller enqueues the head of the lane. None, and nothing is changed, if there is one of this topic already.
    """
    now, first, message_id = context.clock(), news[0], uuid4()
    message = replace(
        first,
        id=message_id,
        event_id=None,
        topic=f"{joint.kind}:{joint.topic or message_id}",
        state=NotificationState.PENDING,
        attempts=0,
        next_attempt_at=first.next_attempt_at,
        give_up_at=now + context.retry_policy.give_up_after,
        reason=None,
        title=joint.title or f"{len(news)} messages in one",
        news=News.SUMMARY,
        track_id=None,
        incident_id=None,
        waits_for=None,
        project_slug=None,
        project_name=None,
    )
    [before] = notifications.insert_or_get(transaction, [message])
    if before is not None:
        return None
    summaries.tell_in(transaction, message.id, [one.id for one in news], reason=summaries.will_tell(message.id))
    return message


def is_empty(transaction: Transaction, notification: Notification) -> bool:
    """Drop a message that has nothing left to tell; tell if so."""
    if kind_of(notification) is None or not summaries.lock_pending(transaction, notification.id):
        return False
    if summaries.members(transaction, notification.id):
        return False
    return bool(notifications.drop(transaction, [notification.id], reason=NOTHING_LEFT))


def record_members(transaction: Transaction, notification: Notification, now: datetime) -> None:
    """Record that a channel accepted a message, and with it the news that it tells."""
    if kind_of(notification) is None:
        return
    members = summaries.members(transaction, notification.id)
    found = events.find_all(transaction, {one.event_id for one in members if one.event_id})
    colors = {}
    for one in members:
        event = found.get(one.event_id) if one.event_id else None
        color = color_told(one, event) if event else None
        if color is not None and one.track_id is not None:
            colors[one.track_id, one.channel_key] = color
    told.put_all(transaction, colors, now)
    summaries.record_told(transaction, notification.id, now)


def is_held_for_others(notification: Notification) -> bool:
    """Return whether untried news waited for what may be told with them."""
    waited = notification.waits_for in {WaitsFor.GROUP, *summaries.HELD_BACK}
    is_untried = notification.state is NotificationState.PENDING and notification.attempts == 0
    return waited and is_untried and notification.event_id is not None
