"""The version of what pages show: it changes with the first change."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, func, select

from service.db.tables import Transaction, events, is_unsent, notifications
from service.model import NotificationState
from service.store import dead_counts
from service.store.cursors import SortKey, to_cursor

MAX_WAITING = 1_000
WAITING = (NotificationState.PENDING, NotificationState.SENDING)


def read_version(transaction: Transaction) -> str:
    """Return the version of what pages show, as one word.

    That is the cursors of the newest event and notification, and the counts of what waits and is dead. It reads a few
    rows of indexes, however long the history is. An operator's act on what is there already may leave it as it is.
    """
    unsent = select(notifications.c.id).where(is_unsent, notifications.c.state.in_(WAITING)).limit(MAX_WAITING)
    waiting = transaction.execute(select(func.count()).select_from(unsent.subquery())).scalar()
    return ".".join(
        [
            _newest(transaction, events.c.received_at, events.c.id),
            _newest(transaction, notifications.c.created_at, notifications.c.id),
            f"{waiting}.{sum(dead_counts.count_dead_letters(transaction).values())}",
        ]
    )


def _newest(transaction: Transaction, at: Column[datetime], row_id: Column[UUID]) -> str:
    """Return the cursor of the newest row of a table; empty for none."""
    newest = transaction.execute(select(at, row_id).order_by(at.desc(), row_id.desc()).limit(1)).one_or_none()
    return "" if newest is None else to_cursor(SortKey(at=newest[0], id=newest[1]))
