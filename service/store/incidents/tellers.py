"""The routes that told channels of the red runs of an incident."""

from collections.abc import Collection

from sqlalchemy import select

from service.db.tables import Transaction, notifications, runs
from service.model import Color, Incident, Listener, News

_OF_RED = (News.BROKE, News.STILL_BROKEN, News.REMINDER, News.ESCALATION)


def find(transaction: Transaction, incident: Incident, channel_keys: Collection[str]) -> dict[str, Listener]:
    """Return the route that told each of these channels last, or is to tell it.

    A route that hears every run follows no incident, and is none of them.
    """
    columns = (notifications.c.channel_key, notifications.c.route, notifications.c.receiver)
    opened = select(runs.c.pipeline_number).where(runs.c.id == incident.opened_by).scalar_subquery()
    telling = (
        select(*columns)
        .join(runs, runs.c.event_id == notifications.c.event_id)
        .where(
            runs.c.track_id == incident.track_id,
            runs.c.pipeline_number >= opened,
            runs.c.color == Color.RED,
            notifications.c.news.in_(_OF_RED),
            notifications.c.channel_key.in_(channel_keys),
        )
        .order_by(notifications.c.created_at, notifications.c.id)
    )
    return {
        row.channel_key: Listener(
            incident_id=incident.id, channel_key=row.channel_key, route=row.route, receiver=row.receiver
        )
        for row in transaction.execute(telling)
    }
