"""The version of what pages show: it changes with the first change."""

from datetime import datetime
from hashlib import sha256
from uuid import UUID

from sqlalchemy import Column, func, select

from service.db.tables import Transaction, actions, events, is_unsent, notifications
from service.model import NotificationState
from service.store import dead_counts
from service.store.cursors import SortKey, to_cursor

MAX_WAITING = 1_000
NEWEST_ACTS = 20
"""The acts that the version is made of: one of a process whose clock is behind is not the newest."""
WAITING = (NotificationState.PENDING, NotificationState.SENDING)


def read_version(transaction: Transaction) -> str:
    """Return the version of what pages show, as one word.

    That is the cursors of the newest event and notification, a digest of the newest acts of operators, and the counts
    of what waits and is dead. It reads a few rows of indexes, however long the history is.
    """
    unsent = select(notifications.c.id).where(is_unsent, notifications.c.state.in_(WAITING)).limit(MAX_WAITING)
    waiting = transaction.execute(select(func.count()).select_from(unsent.subquery())).scalar()
    return ".".join(
        [
            _newest(transaction, events.c.received_at, events.c.id),
            _newest(transaction, notifications.c.created_at, notifications.c.id),
            _digest_of_acts(transaction),
            f"{waiting}.{sum(dead_counts.count_dead_letters(transaction).values())}",
        ]
    )


def _newest(transaction: Transaction, at: Column[datetime], row_id: Column[UUID]) -> str:
    """Return the cursor of the newest row of a table; empty for none."""
    newest = transaction.execute(select(at, row_id).order_by(at.desc(), row_id.desc()).limit(1)).one_or_none()
    return "" if newest is None else to_cursor(SortKey(at=newest[0], id=newest[1]))


def _digest_of_acts(transaction: Transaction) -> str:
    """Return a short digest of the newest acts; empty for none."""
    newest = select(actions.c.id).order_by(actions.c.at.desc(), actions.c.id.desc()).limit(NEWEST_ACTS)
    ids = sorted(one.bytes for one in transaction.execute(newest).scalars())
    return sha256(b"".join(ids)).hexdigest()[:8] if ids else ""
