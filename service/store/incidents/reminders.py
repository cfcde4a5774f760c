"""Open incidents, the channels that were told of each, and their reminders."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, literal_column, or_, select

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, incidents, is_unsent, notifications, runs, tracks
from service.model import Color, Incident, News, Notification, NotificationState, Track
from service.store.incidents.incidents import to_incident
from service.store.rows import Row, to_notification
from service.store.runs.tracks import find_all


@dataclass(frozen=True, kw_only=True)
class ToldIncident:
    """An open incident, as a channel was told of it.

    last_at   the end of the latest run of its track
    told_at   the time when the channel first accepted a message of it, by this route
    """

    incident: Incident
    track: Track
    last_at: datetime | None
    route: str
    channel_key: str
    told_at: datetime


def find_told(transaction: Transaction, routes: Collection[str]) -> Sequence[ToldIncident]:
    """Return the open incidents that channels were told of by these routes.

    The messages are found by the red runs: an incident that became part of another goes on in that one.
    """
    told_at = func.min(notifications.c.sent_at, type_=UtcDateTime)
    is_of_it = or_(notifications.c.incident_id == incidents.c.id, runs.c.incident_id == incidents.c.id)
    firsts = (
        select(incidents.c.id, notifications.c.route, notifications.c.channel_key, told_at.label("told_at"))
        .select_from(tracks)
        .join(incidents, incidents.c.id == tracks.c.incident_id)
        .join(runs, and_(runs.c.track_id == tracks.c.id, runs.c.color == Color.RED))
        .join(notifications, and_(notifications.c.event_id == runs.c.event_id, is_of_it))
        .where(
            tracks.c.color == Color.RED,
            incidents.c.closed_because.is_(None),
            notifications.c.news.in_([News.BROKE, News.STILL_BROKEN]),
            notifications.c.sent_at.is_not(None),
            notifications.c.route.in_(routes),
        )
        .group_by(incidents.c.id, notifications.c.route, notifications.c.channel_key)
        .subquery()
    )
    wanted = (
        select(incidents, tracks.c.last_at, firsts.c.route, firsts.c.channel_key, firsts.c.told_at)
        .join(firsts, firsts.c.id == incidents.c.id)
        .join(tracks, tracks.c.id == incidents.c.track_id)
        .order_by(incidents.c.id, firsts.c.told_at, firsts.c.channel_key)
    )
    found = transaction.execute(wanted).mappings().all()
    of_tracks = find_all(transaction, {row["track_id"] for row in found})
    return [_to_told(row, of_tracks[row["track_id"]].track) for row in found]


def _to_told(row: Row, track: Track) -> ToldIncident:
    names = ("last_at", "route", "channel_key", "told_at")
    return ToldIncident(incident=to_incident(row), track=track, **{name: row[name] for name in names})


def find_waiting(transaction: Transaction, news: Collection[News]) -> Sequence[Notification]:
    """Return the pending notifications of these news, oldest first."""
    wanted = (
        select(notifications)
        .where(
            notifications.c.state == literal_column(f"'{NotificationState.PENDING}'"),
            is_unsent,
            notifications.c.news.in_(news),
        )
        .order_by(notifications.c.created_at, notifications.c.id)
    )
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]
