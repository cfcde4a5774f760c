"""SQL on the embedded engine's table of jobs."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, func, insert, or_, select, text

from service.db.database import Store
from service.db.tables import Transaction, jobs
from service.model import Backlog, QueuedJob
from service.queue import lanes

_ADDING = insert(jobs)
_CLEARING = delete(jobs).where(jobs.c.lane == bindparam("lane"))


class JobRows:
    """The jobs of the embedded engine."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def add(transaction: Transaction, kind: str, subject_id: UUID, *, run_at: datetime, lane: str | None) -> None:
        """Insert a job in the transaction of the rows it is about: both exist, or neither."""
        row = {"kind": kind, "subject_id": subject_id, "run_at": run_at, "lane": lane}
        transaction.execute(_ADDING, [row])

    @staticmethod
    def add_many(transaction: Transaction, kind: str, subject_ids: Sequence[UUID], *, run_at: datetime) -> None:
        """Insert a job for each subject, in their order."""
        rows = [{"kind": kind, "subject_id": subject_id, "run_at": run_at} for subject_id in subject_ids]
        transaction.execute(_ADDING, rows)

    @staticmethod
    def clear_lane(transaction: Transaction, lane: str) -> None:
        """Delete the jobs of a lane."""
        transaction.execute(_CLEARING, {"lane": lane})

    @staticmethod
    def pause_lane(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane until a time."""
        lanes.close(transaction, lane, since=since, until=until)

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        done: Collection[int] = (),
        begun: Collection[QueuedJob] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        """Delete finished jobs, then return due ones of open and idle lanes, oldest first.

        At most ``limit`` of each kind, and of each lane only the first job, for which the others wait.
        """
        out: dict[str, list[Any]] = {
            "but_not": [job.id for job in begun],
            "busy_lanes": [job.lane for job in begun if job.lane],
            "busy_kinds": list(busy_kinds),
        }
        asked: dict[str, Any] = {name: json.dumps(listed) for name, listed in out.items()}
        asked |= {"now": now, "latest": lanes.max_plausible_close(now), "limit": limit}
        if done:
            return await self._store.write(_forget_and_look, done, asked)
        return await self._store.read(_look, asked)

    async def next_run_at(self, after: datetime) -> datetime | None:
        """Return the next due time or opening of a lane after a time; None if none is."""
        return await self._store.read(_next_run_at, after)

    async def remove(self, ids: Collection[int]) -> None:
        """Delete finished jobs."""
        await self._store.write(_forget, ids)

    async def backlog(self, now: datetime) -> Backlog:
        """Count the due jobs of open lanes, and return the age of the oldest of all lanes."""
        could_begin = or_(jobs.c.lane.is_(None), ~lanes.is_closed(jobs.c.lane, now))
        counting = select(func.count().filter(could_begin), func.min(jobs.c.run_at)).where(jobs.c.run_at <= now)
        depth, oldest = await self._store.read(lambda transaction: transaction.execute(counting).one())
        return Backlog(depth=depth, oldest_age_s=(now - oldest).total_seconds() if oldest else 0.0)


# Due jobs, without reading all that wait: kinds and lanes are walked, and the first jobs of each are read. A hundred
# thousand jobs of a closed lane, or of a kind without a free slot, then cost no more than one.
_DUE = (
    text(
        """
        WITH RECURSIVE
        kind (name) AS (
            SELECT min(kind) FROM jobs WHERE lane IS NULL
            UNION ALL SELECT (SELECT min(kind) FROM jobs WHERE lane IS NULL AND kind > name) FROM kind
            WHERE name IS NOT NULL
        ),
        lane (name) AS (
            SELECT min(lane) FROM jobs WHERE lane IS NOT NULL
            UNION ALL SELECT (SELECT min(lane) FROM jobs WHERE lane > name) FROM lane WHERE name IS NOT NULL
        ),
        due (id) AS (
            SELECT job.id FROM kind JOIN jobs AS job ON job.id IN (
                SELECT id FROM jobs WHERE lane IS NULL AND kind = name AND run_at <= :now
                AND id NOT IN (SELECT value FROM json_each(:but_not)) ORDER BY run_at, id LIMIT :limit
            ) WHERE name NOT IN (SELECT value FROM json_each(:busy_kinds))
            UNION ALL
            SELECT job.id FROM lane JOIN jobs AS job ON job.id = (
                SELECT id FROM jobs WHERE lane = name AND id NOT IN (SELECT value FROM json_each(:but_not))
                ORDER BY run_at, id LIMIT 1
            ) WHERE name NOT IN (SELECT value FROM json_each(:busy_lanes))
            AND name NOT IN (SELECT lane FROM lanes WHERE opens_at > :now AND closed_at <= :latest)
            AND job.run_at <= :now AND job.kind NOT IN (SELECT value FROM json_each(:busy_kinds))
        )
        SELECT id, kind, subject_id, lane, run_at FROM jobs WHERE id IN (SELECT id FROM due) ORDER BY run_at, id
        """
    )
    .bindparams(bindparam("now", type_=jobs.c.run_at.type), bindparam("latest", type_=jobs.c.run_at.type))
    .columns(jobs.c.id, jobs.c.kind, jobs.c.subject_id, jobs.c.lane, jobs.c.run_at)
)
_FORGETTING = text("DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(:ids))")


def _look(transaction: Transaction, asked: Mapping[str, Any]) -> Sequence[QueuedJob]:
    return [QueuedJob(**row) for row in transaction.execute(_DUE, asked).mappings()]


def _forget(transaction: Transaction, ids: Collection[int]) -> None:
    transaction.execute(_FORGETTING, {"ids": json.dumps(list(ids))})


def _forget_and_look(transaction: Transaction, done: Collection[int], asked: Mapping[str, Any]) -> Sequence[QueuedJob]:
    _forget(transaction, done)
    return _look(transaction, asked)


_NEXT_RUN_AT = select(
    select(func.min(jobs.c.run_at)).where(jobs.c.run_at > bindparam("after")).scalar_subquery(),
    lanes.NEXT_OPENING.scalar_subquery(),
)


def _next_run_at(transaction: Transaction, after: datetime) -> datetime | None:
    asked = {"after": after, "now": after, "latest": lanes.max_plausible_close(after)}
    return min(filter(None, transaction.execute(_NEXT_RUN_AT, asked).one()), default=None)
