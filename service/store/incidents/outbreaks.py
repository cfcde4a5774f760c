"""Incidents that opened of late, and the messages of causes that they share."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select, update

from service.db.tables import Transaction, incidents, notifications, runs, tracks
from service.model import IncidentClass, News, Notification, NotificationState
from service.routing.shared_cause import OpenedIncident
from service.store.rows import to_notification

MAX_INCIDENTS = 1_000  # that are looked at: the newest


def opened_between(
    transaction: Transaction, since: datetime, until: datetime, *, fingerprint: str | None = None
) -> Sequence[OpenedIncident]:
    """Return the incidents that opened between two times and are open, newest first.

    fingerprint   only those of this failure; None: of any
    """
    wanted = (
        select(
            incidents.c.id, incidents.c.opened_at, incidents.c.fingerprint, tracks.c.project_id, tracks.c.project_slug
        )
        .join(tracks, tracks.c.id == incidents.c.track_id)
        .where(
            incidents.c.opened_at.between(since, until),
            incidents.c.closed_because.is_(None),
            incidents.c.merged_into.is_(None),
        )
        .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        .limit(MAX_INCIDENTS)
    )
    if fingerprint is not None:
        wanted = wanted.where(incidents.c.fingerprint == fingerprint)
    return [
        OpenedIncident(
            id=row.id,
            project=row.project_id or row.project_slug or "",
            opened_at=row.opened_at,
            fingerprint=row.fingerprint,
        )
        for row in transaction.execute(wanted)
    ]


def events_of_last_reds(transaction: Transaction, incident_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """Return the events of the newest red runs of incidents, by their ids."""
    wanted = (
        select(incidents.c.id, runs.c.event_id)
        .join(runs, runs.c.id == incidents.c.last_red)
        .where(incidents.c.id.in_(incident_ids))
    )
    return {row.id: row.event_id for row in transaction.execute(wanted)}


def classify(transaction: Transaction, incident_ids: Collection[UUID], *, by: str) -> Sequence[UUID]:
    """Class incidents as infrastructure, unless they have a class; return those."""
    unclassed = (incidents.c.id.in_(incident_ids), incidents.c.klass.is_(None))
    classing = update(incidents).where(*unclassed).values(klass=IncidentClass.INFRASTRUCTURE, class_by=by)
    return sorted(transaction.execute(classing.returning(incidents.c.id)).scalars())


def last_message(
    transaction: Transaction, like: Notification, topics: Collection[str], since: datetime
) -> Notification | None:
    """Return the last message of a cause on a channel since a time, if any.

    like     news of the channel
    topics   the beginnings of its topic
    """
    at = notifications.c.created_at
    wanted = (
        select(notifications)
        .where(
            notifications.c.channel_label == like.channel_label,
            at >= since,
            notifications.c.channel_key == like.channel_key,
            notifications.c.news == News.SUMMARY,
            notifications.c.state != NotificationState.DROPPED,
            or_(*(notifications.c.topic.startswith(topic, autoescape=True) for topic in topics)),
        )
        .order_by(at.desc(), notifications.c.id.desc())
        .limit(1)
    )
    found = transaction.execute(wanted).mappings().first()
    return to_notification(found) if found else None
