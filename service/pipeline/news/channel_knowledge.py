"""The knowledge of channels: the color of a track that each was told last."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from service.db.tables import Transaction
from service.model import Color, Event, News, Notification, NotificationState, WaitsFor
from service.pipeline.context import Context
from service.routing.decide import hears_ends
from service.routing.news import COLORS, REMINDERS, asks_for_ends
from service.store.notifications import notifications, summaries, told

REPLACED = "newer news of the same branch took its place before it was sent"


class ChannelKnowledge:
    """The colors of tracks that channels know, while news of a batch are planned.

    News that wait give way to newer ones, so that a channel hears of a track in order.
    """

    def __init__(self, transaction: Transaction, track_ids: Sequence[int], *, before: datetime | None = None) -> None:
        """Read it, also from news under way that were planned before a time."""
        self._told = told.find(transaction, track_ids)
        self._waiting: dict[tuple[int, str], list[Notification]] = defaultdict(list)
        for one in notifications.unfinished_of_tracks(transaction, track_ids):
            if one.track_id is not None and one.news in REMINDERS and is_under_way(one):
                self._told[one.track_id, one.channel_key] = Color.RED
            if one.track_id is None or one.news not in COLORS or (before is not None and one.created_at >= before):
                continue
            if is_under_way(one):
                self._told[one.track_id, one.channel_key] = COLORS[one.news]
            self.add(one)
        for one, message in summaries.untold_of_tracks(transaction, track_ids):
            if one.track_id is None or one.news not in COLORS or (before is not None and one.created_at >= before):
                continue
            if is_under_way(message):
                self._told[one.track_id, one.channel_key] = COLORS[one.news]
            self.add(one)

    def add(self, notification: Notification) -> None:
        """Note news that wait to be sent."""
        if notification.track_id is not None and notification.news in COLORS:
            self._waiting[notification.track_id, notification.channel_key].append(notification)

    def color(self, track_id: int, channel_key: str) -> Color | None:
        """Return the color of a track that a channel was told last."""
        return self._told.get((track_id, channel_key))

    def is_red_to_any(self, track_id: int) -> bool:
        """Return whether a channel was told that the track is red."""
        return any(color is Color.RED for (track, _), color in self._told.items() if track == track_id)

    def take_held(self, track_id: int, topic: str) -> list[Notification]:
        """Return what waits for a rerun about a track, but for news of this topic.

        The caller drops them.
        """
        found = []
        for (track, key), waiting in self._waiting.items():
            if track == track_id:
                held = [one for one in waiting if one.waits_for is WaitsFor.RERUN and one.topic != topic]
                self._waiting[track, key] = [one for one in waiting if one not in held]
                found += held
        return found

    def followers(self, track_id: int) -> set[str]:
        """Return the keys of channels that know of a red track, or are to be told."""
        red = {key for (track, key), color in self._told.items() if track == track_id and color is Color.RED}
        waiting = {
            key
            for (track, key), some in self._waiting.items()
            if track == track_id and any(COLORS[one.news] is Color.RED for one in some)
        }
        return red | waiting

    def note_begun(self, begun: Iterable[Notification]) -> None:
        """Note news whose send has begun meanwhile: their channels know of them."""
        for one in begun:
            if one.track_id is not None:
                self._told[one.track_id, one.channel_key] = COLORS[one.news]

    def drop_waiting(self, transaction: Transaction, channel: tuple[int, str], topic: str) -> list[Notification]:
        """Drop what waits to be sent to a channel about a track; return it.

        channel   the track's id and the channel's key
        topic     of the news that take its place: what has the same topic, from another post of the run, stays
        """
        waiting = self._waiting[channel]
        older = {one.id for one in waiting if one.topic != topic}
        dropped = notifications.drop(transaction, older, reason=REPLACED)
        untold = [one for one in waiting if one.id in older and one.told_in is not None]
        dropped |= summaries.take_out(transaction, untold, reason=REPLACED)
        self.note_begun(one for one in waiting if one.id in older - dropped)
        self._waiting[channel] = [one for one in waiting if one.id not in older]
        return [one for one in waiting if one.id in dropped]


def is_under_way(notification: Notification) -> bool:
    """Return whether the channel may have it already."""
    is_interrupted = notification.reason == notifications.INTERRUPTED_REASON
    return notification.state is NotificationState.SENDING or is_interrupted


def is_stale(transaction: Transaction, context: Context, notification: Notification) -> bool:
    """Drop news that became pointless while they waited; tell if so.

    Older news of the track that wait for another attempt give way to them. Only a first attempt is looked at: a later
    one may be a person's resend.
    """
    track_id, news = notification.track_id, notification.news
    if track_id is None or news not in COLORS or notification.attempts or notification.was_sent:
        return False
    notifications.lock_unfinished(transaction, [track_id], channel_key=notification.channel_key)
    known = ChannelKnowledge(transaction, [track_id], before=notification.created_at)
    known.drop_waiting(transaction, (track_id, notification.channel_key), notification.topic)
    reason = why_stale(known, context, notification)
    return reason is not None and bool(notifications.drop(transaction, [notification.id], reason=reason))


def why_stale(known: ChannelKnowledge, context: Context, notification: Notification) -> str | None:
    """Return the reason why news of a track are none any more; None if they are."""
    track_id = notification.track_id
    if track_id is None:
        return None
    color = known.color(track_id, notification.channel_key)
    route = context.route(notification.route)
    asks, ends = route is not None and asks_for_ends(route), route is None or hears_ends(route)
    knows_red = known.is_red_to_any(track_id) if asks else color is Color.RED
    if notification.news is News.BROKE and color is Color.RED and ends:
        return "the channel was told meanwhile that it is red"
    if notification.news is News.FIXED and not knows_red:
        return "the message that it broke was not accepted"
    return None


def color_told(notification: Notification, event: Event) -> Color | None:
    """Return the color of its track that a message tells a channel."""
    if notification.track_id is None:
        return None
    if notification.news in COLORS:
        return COLORS[notification.news]
    if notification.news in REMINDERS:
        return Color.RED
    color = event.run.color if event.run and notification.news is News.RUN else Color.GREY
    return None if color is Color.GREY else color
