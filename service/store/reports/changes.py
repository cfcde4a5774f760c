"""The version of pages, which changes with each change, and their counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Label, func, select

from service.db.tables import Transaction, actions, alarms, events, heartbeats, is_unsent, notifications
from service.model import NotificationState, Role
from service.store.cursors import SortKey, to_cursor
from service.store.deliveries import dead_counts

MAX_WAITING = 1_000
NEWEST_ACTS = 20
"""The acts that the version is made of: one of a process whose clock is behind is not the newest."""
WAITING = (NotificationState.PENDING, NotificationState.SENDING)


def _newest(column: Column[Any], at: Column[datetime], row_id: Column[UUID]) -> Label[Any]:
    """Return a column of the newest row of a table."""
    newest = select(column).order_by(at.desc(), row_id.desc()).limit(1)
    return newest.scalar_subquery().label(f"{column.table.name}_{column.name}")


_UNSENT = select(notifications.c.id).where(is_unsent, notifications.c.state.in_(WAITING)).limit(MAX_WAITING)
_COUNTED = (
    *(_newest(column, events.c.received_at, events.c.id) for column in (events.c.received_at, events.c.id)),
    *(
        _newest(column, notifications.c.created_at, notifications.c.id)
        for column in (notifications.c.created_at, notifications.c.id)
    ),
    select(func.count()).select_from(_UNSENT.subquery()).scalar_subquery().label("waiting"),
    *dead_counts.COUNTS.values(),
)
_READ = select(*_COUNTED)  # one statement: each page that a browser shows asks for it
_BEATS = select(func.max(heartbeats.c.beat_at)).where(heartbeats.c.role != Role.WEB.value)
_READ_STATE = _READ.add_columns(_BEATS.scalar_subquery(), select(alarms.c.key).exists())
_NEWEST_ACTS = select(actions.c.id).order_by(actions.c.at.desc(), actions.c.id.desc()).limit(NEWEST_ACTS)


@dataclass(frozen=True, kw_only=True)
class PageState:
    """The facts that every page tells, found by one look.

    beat_at     the time of the latest heartbeat of a process that works; None before the first
    has_alarms  whether Roundsman warns of itself
    """

    version: str
    dead_letters: int
    beat_at: datetime | None
    has_alarms: bool


def read_page_state(transaction: Transaction) -> PageState:
    """Return the version of what pages show, and what their navigation tells."""
    *counted, beat_at, has_alarms = transaction.execute(_READ_STATE).one()
    return PageState(
        version=_version(transaction, counted),
        dead_letters=sum(counted[-len(dead_counts.COUNTS) :]),
        beat_at=beat_at,
        has_alarms=has_alarms,
    )


def read_version(transaction: Transaction) -> str:
    """Return the version of what pages show, as one word.

    That is the cursors of the newest event and notification, a digest of the newest acts of operators, and the counts
    of what waits and is dead. It reads a few rows of indexes, however long the history is.
    """
    return _version(transaction, transaction.execute(_READ).one())


def _version(transaction: Transaction, counted: Sequence[Any]) -> str:
    event_at, event_id, told_at, told_id, waiting, *dead = counted
    newest = (_cursor(event_at, event_id), _cursor(told_at, told_id))
    return ".".join([*newest, _digest_of_acts(transaction), f"{waiting}.{sum(dead)}"])


def _cursor(at: datetime | None, row_id: UUID) -> str:
    return to_cursor(SortKey(at=at, id=row_id)) if at else ""


def _digest_of_acts(transaction: Transaction) -> str:
    """Return a short digest of the newest acts; empty for none."""
    ids = sorted(one.bytes for one in transaction.execute(_NEWEST_ACTS).scalars())
    return sha256(b"".join(ids)).hexdigest()[:8] if ids else ""
