"""Overdue rows without a job, found a page at a time: a million may be waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, Uuid, func, literal, select, tuple_

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, is_unsent, notifications
from service.model import NotificationState
from service.queue.embedded_sql import has_job


@dataclass(frozen=True, kw_only=True)
class OverdueQuery:
    """A query for the rows of a table that wait for a job of a kind in a state.

    since    column with the time since which a row waits
    lane     column with the lane of its job, if it has one
    is_open  condition that lets the query use the partial index
    """

    kind: str
    table: Table
    state: str
    since: Column[datetime]
    is_open: ColumnElement[bool]
    lane: ColumnElement[str] | None = None


UNSENT, STUCK_SENDING = (
    OverdueQuery(
        kind="send",
        table=notifications,
        state=state,
        since=notifications.c.next_attempt_at,
        is_open=is_unsent,
        lane=func.coalesce(notifications.c.server_lane, notifications.c.channel_key),
    )
    for state in (NotificationState.PENDING, NotificationState.SENDING)
)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The place after which the next page begins."""

    since: datetime
    subject_id: UUID


@dataclass(frozen=True, kw_only=True)
class OverduePage:
    """Ids and lanes of the rows of a page without a job; no ``mark`` on the last page."""

    lost: Sequence[tuple[UUID, str | None]]
    mark: Mark | None


def find_lost(
    transaction: Transaction, waiting: OverdueQuery, *, before: datetime, beyond: Mark | None, limit: int
) -> OverduePage:
    """Return a page of rows without a job: of the ``limit`` oldest from before a time."""
    lane = literal(None) if waiting.lane is None else waiting.lane
    place = (waiting.since, waiting.table.c.id)
    oldest = (
        select(waiting.table.c.id, waiting.since.label("since"), lane.label("lane"))
        .where(waiting.table.c.state == waiting.state, waiting.is_open, waiting.since < before)
        .order_by(*place)
        .limit(limit)
    )
    if beyond is not None:
        mark = (literal(beyond.since, UtcDateTime), literal(beyond.subject_id, Uuid))
        oldest = oldest.where(tuple_(*place) > tuple_(*mark))
    some = oldest.subquery()
    asking = select(some, has_job(transaction, some.c.id).label("has_job")).order_by(some.c.since, some.c.id)
    rows = transaction.execute(asking).all()
    return OverduePage(
        lost=[(row.id, row.lane) for row in rows if not row.has_job],
        mark=Mark(since=rows[-1].since, subject_id=rows[-1].id) if len(rows) == limit else None,
    )
