"""The queue's rows: what is to be done, and when. Ours on SQLite, Procrastinate's on Postgres."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Text,
    cast,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    table,
)

from service.model import Backlog, QueuedJob
from service.store import lanes
from service.store.database import Store
from service.tables import Transaction, jobs

_ADDING = insert(jobs).returning(jobs.c.id)  # asked for what nobody reads: with that, all rows are one statement


class JobRows:
    """The table of jobs, as the embedded engine asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def add(transaction: Transaction, kind: str, subject_id: UUID, *, run_at: datetime, lane: str | None) -> None:
        """Add a job within the transaction of the rows it is about: both are there, or neither."""
        row = {"kind": kind, "subject_id": subject_id, "run_at": run_at, "lane": lane}
        transaction.execute(insert(jobs).values(**row))

    @staticmethod
    def add_many(transaction: Transaction, kind: str, subject_ids: Sequence[UUID], *, run_at: datetime) -> None:
        """Add a job for each subject, in their order."""
        rows = [{"kind": kind, "subject_id": subject_id, "run_at": run_at} for subject_id in subject_ids]
        transaction.execute(_ADDING, rows)

    @staticmethod
    def leading(transaction: Transaction, lane: str) -> datetime | None:
        """When the first job of a lane is due; None when it has none."""
        leading = transaction.execute(select(func.min(jobs.c.run_at)).where(jobs.c.lane == lane))
        found: datetime | None = leading.scalar()
        return found

    @staticmethod
    def rest(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane for a time."""
        lanes.close(transaction, lane, since=since, until=until)

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        but_not: Collection[int] = (),
        busy_lanes: Collection[str] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        """What is due by now, oldest first, without these jobs, lanes and kinds, and without closed lanes."""
        wanted = (
            select(jobs)
            .where(
                jobs.c.run_at <= now,
                jobs.c.id.not_in(but_not),
                jobs.c.kind.not_in(busy_kinds),
                or_(jobs.c.lane.is_(None), jobs.c.lane.not_in(busy_lanes) & ~lanes.is_closed(jobs.c.lane, now)),
            )
            .order_by(jobs.c.run_at, jobs.c.id)
            .limit(limit)
        )
        rows = await self._store.read(lambda transaction: transaction.execute(wanted).mappings().all())
        return [QueuedJob(**row) for row in rows]

    async def next_run_at(self, after: datetime) -> datetime | None:
        """When, after a time, the next job is due or the next lane opens; None when there is neither."""
        return await self._store.read(_next_run_at, after)

    async def remove(self, ids: Collection[int]) -> None:
        """Forget jobs that are done."""
        await self._store.write(lambda transaction: transaction.execute(delete(jobs).where(jobs.c.id.in_(ids))))

    async def backlog(self, now: datetime) -> Backlog:
        """How much is due by now; what waits in closed lanes is not, but it ages."""
        could_begin = or_(jobs.c.lane.is_(None), ~lanes.is_closed(jobs.c.lane, now))
        counting = select(func.count().filter(could_begin), func.min(jobs.c.run_at)).where(jobs.c.run_at <= now)
        depth, oldest = await self._store.read(lambda transaction: transaction.execute(counting).one())
        return Backlog(depth=depth, oldest_age_s=(now - oldest).total_seconds() if oldest else 0.0)


def _next_run_at(transaction: Transaction, after: datetime) -> datetime | None:
    soonest = select(func.min(jobs.c.run_at)).where(jobs.c.run_at > after)
    due_at: datetime | None = transaction.execute(soonest).scalar()
    opens_at = lanes.next_opening(transaction, after)
    return min((at for at in (due_at, opens_at) if at), default=None)


_engine_jobs = table("procrastinate_jobs", column("status"))
_SUBJECT = literal_column("procrastinate_jobs.args ->> 'subject_id'", Text)  # to the letter what the index is on


def has_job(transaction: Transaction, subject: ColumnElement[UUID]) -> ColumnElement[bool]:
    """A test that a subject still has a job, begun or not."""
    if transaction.dialect.name == "sqlite":
        return select(jobs.c.id).where(jobs.c.subject_id == subject).exists()
    is_undone = cast(_engine_jobs.c.status, Text).in_(["todo", "doing"])
    return select(literal(1)).select_from(_engine_jobs).where(cast(subject, Text) == _SUBJECT, is_undone).exists()
