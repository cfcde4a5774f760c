"""What is overdue and has no job that would do it, looked for a little at a time: a million rows may be waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table, Uuid, func, literal, select, tuple_

from service.db.tables import Transaction, UtcDateTime, deliveries, is_unsent, is_unsettled, notifications
from service.model import DeliveryState, NotificationState
from service.queue.embedded_sql import has_job


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Rows that wait for a job of a kind, for as long as their table has them in a state.

    since    the column that says since when
    lane     the column that says in which lane the job is done, if there is one
    is_open  what a question must say to be answered from the short index
    """

    kind: str
    table: Table
    state: str
    since: Column[datetime]
    is_open: ColumnElement[bool]
    lane: ColumnElement[str] | None = None


UNJUDGED = Waiting(
    kind="process",
    table=deliveries,
    state=DeliveryState.KEPT,
    since=deliveries.c.received_at,
    is_open=is_unsettled,
)
UNSENT, CUT_OFF = (
    Waiting(
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
    """How far a walk through what waits has come."""

    since: datetime
    subject_id: UUID


@dataclass(frozen=True, kw_only=True)
class Look:
    """Of some that wait, ids and lanes of those that no job would do; ``mark`` is None when these were the last."""

    lost: Sequence[tuple[UUID, str | None]]
    mark: Mark | None


def look(transaction: Transaction, waiting: Waiting, *, before: datetime, beyond: Mark | None, limit: int) -> Look:
    """Look at the ``limit`` oldest beyond the mark of those that wait since before a time."""
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
    return Look(
        lost=[(row.id, row.lane) for row in rows if not row.has_job],
        mark=Mark(since=rows[-1].since, subject_id=rows[-1].id) if len(rows) == limit else None,
    )
