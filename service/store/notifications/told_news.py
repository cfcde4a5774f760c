"""The last news of a track that a channel has a row of."""

from sqlalchemy import select

from service.db.tables import Transaction, notifications
from service.model import Channel, News, Notification
from service.store.rows import to_notification

_OF_TRACKS = (
    *(News.RUN, News.BROKE, News.STILL_BROKEN, News.FIXED, News.PASSED),
    *(News.REMINDER, News.ESCALATION),
)


def find_last(transaction: Transaction, track_id: int, channel: Channel) -> Notification | None:
    """Return the newest notification of a channel about a track that was not dropped.

    By the index of the channel's label: it is read from the newest on, up to the one.
    """
    wanted = (
        select(notifications)
        .where(
            notifications.c.channel_label == channel.label,
            notifications.c.channel_key == channel.key,
            notifications.c.track_id == track_id,
            notifications.c.news.in_(_OF_TRACKS),
            notifications.c.state != "dropped",
        )
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(1)
    )
    row = transaction.execute(wanted).mappings().first()
    return to_notification(row) if row else None
