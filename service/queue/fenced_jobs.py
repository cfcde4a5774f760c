"""Procrastinate's job manager, made to end only jobs that are still our own.

Its own statements ask for the job's id alone: a worker that was frozen, and whose job was given to another meanwhile,
would end or requeue the job while that one runs it. Its fetch reads past the jobs of all other queues.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import structlog
from procrastinate.connector import BaseConnector
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

_FETCH = (
    "SELECT id, status, task_name, priority, lock, queueing_lock, args, scheduled_at, queue_name, attempts, worker_id "
    "FROM roundsman_fetch_job_v1(%(queue)s, %(worker_id)s)"
)
_OWN = """(
    SELECT id FROM procrastinate_jobs
    WHERE id = %(job_id)s AND worker_id = %(worker_id)s AND attempts = %(attempts)s AND status = 'doing' FOR UPDATE
) AS own"""
_FINISH = f"SELECT id, procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) FROM {_OWN}"  # noqa: S608 - ours
_RETRY = (
    "SELECT id, procrastinate_retry_job_v2("  # noqa: S608 - constants of ours
    "id, %(retry_at)s, %(new_priority)s::integer, %(new_queue_name)s::varchar, %(new_lock)s::varchar"
    f") FROM {_OWN}"
)

log = structlog.get_logger()


class FencedJobs(JobManager):
    """A job manager that leaves a job alone which another worker has by now.

    lane_moved_on   called after the end or return of a job with a lane: the next one may begin
    """

    def __init__(self, connector: BaseConnector, *, lane_moved_on: Callable[[], None]) -> None:
        super().__init__(connector)
        self._lane_moved_on = lane_moved_on

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Claim the first due job of the worker's only queue; None if there is none."""
        [queue] = queues or ()
        row = await self.connector.execute_query_one_async(_FETCH, queue=queue, worker_id=worker_id)
        return None if row["id"] is None else Job.from_row(row)

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a job, if it is still its worker's."""
        found = await self.connector.execute_query_all_async(
            _FINISH, **fence(job), status=status.value, delete_job=delete_job
        )
        self._note(job, is_own=bool(found))

    async def retry_job(  # noqa: PLR0917 - as Procrastinate has it
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """Requeue a job, if it is still its worker's."""
        found = await self.connector.execute_query_all_async(
            _RETRY,
            **fence(job),
            retry_at=retry_at,
            new_priority=priority,
            new_queue_name=queue,
            new_lock=lock,
        )
        self._note(job, is_own=bool(found))

    def _note(self, job: Job, *, is_own: bool) -> None:
        if not is_own:
            log.warning("a job was given to another worker meanwhile", job=job.queue, subject=job.task_kwargs)
        elif job.lock is not None:
            self._lane_moved_on()


def fence(job: Job) -> dict[str, Any]:
    """Return the values that name one run of a job: each requeue counts as an attempt."""
    return {"job_id": job.id, "worker_id": job.worker_id, "attempts": job.attempts}
