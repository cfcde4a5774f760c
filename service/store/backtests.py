"""Stored history to play again, and what was sent in it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, delete, func, literal_column, select, tuple_

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, deliveries, events, is_unsent, metadata, notifications
from service.model import Delivery, Notification
from service.store.rows import to_delivery, to_notification

FIRST_ID = UUID(int=0)
Mark = tuple[datetime, UUID]
"""The place in the history that was reached: when an event was received, and its id."""
_KEY = tuple_(notifications.c.topic, notifications.c.channel_key)
_NEXT_DUE = (
    select(notifications)
    .where(
        is_unsent,  # as the index says it: else each event would cost a look at all that was sent
        notifications.c.state == literal_column("'pending'"),
        notifications.c.next_attempt_at <= bindparam("until", type_=UtcDateTime),
    )
    .order_by(notifications.c.next_attempt_at, notifications.c.created_at, notifications.c.id)
    .limit(1)
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The next deliveries of the history, in the order in which they were received.

    mark   where the next page begins; None at the end
    """

    deliveries: Sequence[Delivery]
    mark: Mark | None


def count(transaction: Transaction, since: datetime) -> int:
    """Count the events that were received since a time."""
    return transaction.execute(select(func.count()).where(events.c.received_at >= since)).scalar() or 0


def read_page(transaction: Transaction, mark: Mark, limit: int) -> Page:
    """Return the deliveries of the events after a place."""
    place = tuple_(events.c.received_at, events.c.id)
    order = (events.c.received_at, events.c.id)
    found = transaction.execute(select(*order).where(place > mark).order_by(*order).limit(limit)).all()
    ids = [row.id for row in found]
    rows = transaction.execute(select(deliveries).where(deliveries.c.id.in_(ids))).mappings()
    there = {row["id"]: to_delivery(row) for row in rows}
    next_mark = (found[-1].received_at, found[-1].id) if len(found) == limit else None
    return Page(deliveries=[there[one] for one in ids if one in there], mark=next_mark)


def next_due(transaction: Transaction, until: datetime) -> Notification | None:
    """Return the pending notification that is due first, up to a time."""
    found = transaction.execute(_NEXT_DUE, {"until": until}).mappings().first()
    return to_notification(found) if found else None


def read_sent(transaction: Transaction, since: datetime, after: UUID, limit: int) -> Sequence[Notification]:
    """Return notifications sent since a time, after an id, in the order of ids."""
    wanted = (
        select(notifications)
        .where(notifications.c.id > after, notifications.c.sent_at >= since)
        .order_by(notifications.c.id)
        .limit(limit)
    )
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def find_sent(transaction: Transaction, wanted: Sequence[Notification]) -> Collection[tuple[str, str]]:
    """Return topic and channel of those notifications that were sent here too."""
    keys = {(one.topic, one.channel_key) for one in wanted}
    if not keys:
        return frozenset()
    there = select(notifications.c.topic, notifications.c.channel_key).where(
        _KEY.in_(keys), notifications.c.sent_at.is_not(None)
    )
    return {(row.topic, row.channel_key) for row in transaction.execute(there)}


def empty(transaction: Transaction) -> None:
    """Delete all rows of a database that was made for a simulation."""
    for table in reversed(metadata.sorted_tables):
        transaction.execute(delete(table))
