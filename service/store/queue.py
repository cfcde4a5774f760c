"""The embedded queue's rows: what is to be done, and when."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select

from service.model import Backlog, QueuedJob
from service.store.database import Store
from service.tables import Transaction, jobs


class JobRows:
    """The table of jobs, as the embedded engine asks for it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(
        self, transaction: Transaction, kind: str, subject_id: UUID, *, run_at: datetime, lane: str | None
    ) -> None:
        """Add a job within the transaction of the rows it is about: both are there, or neither."""
        row = {"kind": kind, "subject_id": subject_id, "run_at": run_at, "lane": lane}
        await transaction.execute(insert(jobs).values(**row))

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        but_not: Collection[int] = (),
        busy_lanes: Collection[str] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        """What is due by now, oldest first, outside of these lanes and kinds and without these jobs."""
        wanted = (
            select(jobs)
            .where(
                jobs.c.run_at <= now,
                jobs.c.id.not_in(but_not),
                jobs.c.kind.not_in(busy_kinds),
                or_(jobs.c.lane.is_(None), jobs.c.lane.not_in(busy_lanes)),
            )
            .order_by(jobs.c.run_at, jobs.c.id)
            .limit(limit)
        )
        async with self._store.reading() as transaction:
            return [QueuedJob(**row) for row in (await transaction.execute(wanted)).mappings()]

    async def next_run_at(self, after: datetime) -> datetime | None:
        """When the next job after a time is due; None when there is none."""
        soonest = select(func.min(jobs.c.run_at)).where(jobs.c.run_at > after)
        async with self._store.reading() as transaction:
            found: datetime | None = (await transaction.execute(soonest)).scalar()
            return found

    async def remove(self, ids: Collection[int]) -> None:
        """Forget jobs that are done."""
        async with self._store.writing() as transaction:
            await transaction.execute(delete(jobs).where(jobs.c.id.in_(ids)))

    async def backlog(self, now: datetime) -> Backlog:
        """How much is due by now."""
        counting = select(func.count(), func.min(jobs.c.run_at)).where(jobs.c.run_at <= now)
        async with self._store.reading() as transaction:
            depth, oldest = (await transaction.execute(counting)).one()
        return Backlog(depth=depth, oldest_age_s=(now - oldest).total_seconds() if oldest else 0.0)
