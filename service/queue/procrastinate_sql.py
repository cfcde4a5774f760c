"""SQL on Procrastinate's own tables: all that we read and write of them."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Backlog, LaneHead, NewJob
from service.queue import lanes

_IS_STALLED = (
    "status = 'doing' AND NOT id = ANY(:begun) AND (worker_id IS NULL OR worker_id = ANY(:own_workers) OR worker_id IN "
    "(SELECT id FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => :dead_after_s)))"
)
_LOOKING = text(f"SELECT id FROM procrastinate_jobs WHERE {_IS_STALLED}")  # noqa: S608 - constants of ours
_REQUEUING = text(
    f"""
    UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL, attempts = attempts + 1, queueing_lock = NULL
    WHERE id = ANY(:suspects) AND {_IS_STALLED} RETURNING id
    """  # noqa: S608 - the same
)
_ADDING = text(
    """
    SELECT procrastinate_defer_jobs_v1(array_agg(
        ROW(
            CAST(:kind AS text), CAST(:task AS text), 0, CAST(:lock AS text), NULL,
            CAST(:arguments AS jsonb) || jsonb_build_object('subject_id', id), CAST(:run_at AS timestamptz)
        )::procrastinate_job_to_defer_v1 ORDER BY place
    )) FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS subject (id, place)
    """
)
_WAITING = text(
    "SELECT id, args ->> 'subject_id' AS subject_id, scheduled_at FROM procrastinate_jobs "
    "WHERE lock = :lane AND status = 'todo'"
)
_CLEARING = text("DELETE FROM procrastinate_jobs WHERE lock = :lane AND status = 'todo'")
_OWN = text(
    "SELECT 1 FROM procrastinate_jobs "
    "WHERE id = :job_id AND worker_id = :worker_id AND attempts = :attempts AND status = 'doing' FOR SHARE"
)


class ProcrastinateRows:
    """Jobs and workers of all processes; ages are by the database's clock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @staticmethod
    def add(transaction: Transaction, subject_ids: Sequence[UUID], new: NewJob) -> None:
        """Enqueue a job for each subject, in their order, by Procrastinate's own function."""
        ids, arguments = list(map(str, subject_ids)), json.dumps(dict(new.arguments))
        transaction.execute(_ADDING, vars(new) | {"ids": ids, "arguments": arguments})

    @staticmethod
    def has_head_job(transaction: Transaction, lane: str, head: LaneHead | None) -> bool:
        """Return whether the job that waits is the head's; else delete all that wait.

        One that is to be begun while the lane is still closed is the head's too: it then waits for the opening.
        """
        waiting = transaction.execute(_WAITING, {"lane": lane}).all()
        if head is not None and len(waiting) == 1:
            latest = max(head.due_at, head.opens_at or head.due_at)
            [job] = waiting
            if job.subject_id == str(head.subject_id) and (job.scheduled_at is None or job.scheduled_at <= latest):
                return True
        if waiting:
            transaction.execute(_CLEARING, {"lane": lane}).close()
        return False

    @staticmethod
    def holds_job(fence: Mapping[str, Any], transaction: Transaction) -> bool:
        """Return whether a job is still in a run; it stays so until the transaction ends."""
        found = transaction.execute(_OWN, fence)
        return found.first() is not None

    async def backlog(self) -> Backlog:
        """Count due and running jobs of open lanes; return the age of the oldest of all."""
        counting = text(
            "SELECT count(*) FILTER (WHERE lane.lane IS NULL), max(extract(epoch FROM now() - "
            "CASE WHEN job.lock IS NULL THEN greatest(job.scheduled_at, event.at) ELSE event.at END)) "
            "FROM procrastinate_jobs AS job "
            "LEFT JOIN procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred' "
            "LEFT JOIN lanes AS lane ON lane.lane = job.lock AND lane.opens_at > now() "
            "WHERE job.status IN ('todo', 'doing') AND job.task_name IN ('do', 'do then') "
            "AND (job.scheduled_at IS NULL OR job.scheduled_at <= now() OR lane.lane IS NOT NULL)"
        )
        depth, age_s = await self._store.read(lambda transaction: transaction.execute(counting).one())
        return Backlog(depth=depth, oldest_age_s=max(0.0, float(age_s or 0)))

    @staticmethod
    def pause_lane(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane until a time."""
        lanes.close(transaction, lane, since=since, until=until)

    async def opens_at(self, lane: str, now: datetime) -> datetime | None:
        """Return the time at which a closed lane opens; None if it is open."""
        return await self._store.read(lanes.opens_at, lane, now)

    async def since_last_heartbeat(self) -> timedelta | None:
        """Return the age of the latest heartbeat of any worker; None if there is none."""
        latest = text("SELECT now() - max(last_heartbeat) FROM procrastinate_workers")
        found: timedelta | None = await self._store.read(lambda transaction: transaction.execute(latest).scalar())
        return found

    async def beat(self, workers: Collection[int]) -> None:
        """Write a heartbeat of each of these workers that is still registered."""
        beating = text("UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = ANY(:workers)")
        await self._store.write(lambda transaction: transaction.execute(beating, {"workers": list(workers)}).close())

    async def requeue_stalled(
        self, suspects: Collection[int], *, dead_after_s: float, own_workers: Collection[int], begun: Collection[int]
    ) -> tuple[Sequence[int], Collection[int]]:
        """Requeue suspects that are still stalled; return their ids, and the new suspects.

        One statement checks and requeues: a job that another process requeued meanwhile is left to it.
        """
        known = {"dead_after_s": dead_after_s, "own_workers": list(own_workers), "begun": list(begun)}
        return await self._store.write(_requeue_stalled, known | {"suspects": list(suspects)})


def _requeue_stalled(transaction: Transaction, known: Mapping[str, Any]) -> tuple[Sequence[int], Collection[int]]:
    taken = transaction.execute(_REQUEUING, known).scalars().all()
    return taken, transaction.execute(_LOOKING, known).scalars().all()
