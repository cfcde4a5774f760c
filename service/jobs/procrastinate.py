"""The engine for many machines: Procrastinate, whose jobs are rows of the same Postgres as everything else.

It enqueues within our transaction, hands each job to one worker (SKIP LOCKED), wakes workers (LISTEN, NOTIFY) and knows
which of them live (heartbeats). Taking over a dead worker's jobs is left to us; so are attempts, which our rows count.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from procrastinate.types import JSONDict

from service.jobs.work import Failed, Handler, survive
from service.model import Backlog
from service.tables import Transaction

AT_ONCE = 16
GRACE_S = 10.0
HEARTBEAT_S = 5.0
DEAD_AFTER_S = 25.0  # five heartbeats missed
LOOK_FOR_DEAD_EVERY_S = 10.0  # seen twice: after 25 + 2 * 10 s at most, a dead worker's job runs elsewhere
POLL_S = 0.5  # LISTEN is quicker; this is for jobs whose time has come, and for lanes that have rested
RECONNECT_S = 1.0
JobId = int

log = structlog.get_logger()


class JobView(Protocol):
    """What the engine asks of the store: how the jobs and workers of all processes stand."""

    async def backlog(self, now: datetime) -> Backlog:
        """How much is due."""
        ...

    async def rest(self, transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane for a time within a transaction."""

    async def opens_at(self, lane: str, now: datetime) -> datetime | None:
        """When a closed lane opens; None when it is open."""
        ...

    async def last_look_at(self) -> datetime | None:
        """When any worker last showed that it lives."""
        ...


class Resting(Exception):
    """The lane of a job is closed: the job waits at its head, where it keeps the others back."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the lane rests until {until}")
        self.until = until


class GiveBack(BaseRetryStrategy):
    """What was cut off, or could not even be recorded as failed, or must rest, goes back to its place in the queue."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Try again when the lane opens, or in a second."""
        if isinstance(exception, Resting):
            return RetryDecision(retry_at=exception.until)
        return RetryDecision(retry_in={"seconds": 1})


class ProcrastinateJobs:
    """The job engine of many processes; see ``Jobs`` for what it promises."""

    def __init__(self, database_url: str, view: JobView, *, clock: Callable[[], datetime]) -> None:
        self._view = view
        self._clock = clock
        self._app = App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=AT_ONCE + 4))
        self._do = self._app.task(name="do", retry=GiveBack(), pass_context=True)(self._run_one)
        self._do_then = self._app.task(name="do then", retry=GiveBack())(self._enqueue)
        self._handlers: Mapping[str, Handler] = {}
        self._failed: Failed | None = None
        self._begun: set[asyncio.Task[None]] = set()
        self._suspects: frozenset[JobId] = frozenset()
        self._stop_asked = asyncio.Event()

    async def later(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue within a transaction; Postgres wakes a worker when that commits.

        Of a lane's jobs Procrastinate begins the first one only, and one whose time is yet to come would hold up the
        others: so it waits outside, and queues up when its time has come.
        """
        connection = (await within.get_raw_connection()).driver_connection
        waits_outside = at is not None and at > self._clock() and lane is not None
        task, lock = (self._do_then, None) if waits_outside else (self._do, lane)
        job = task.configure(lock=lock, schedule_at=at, connection=connection)
        await job.defer_async(kind=kind, subject_id=str(subject_id), **({"lane": lane} if waits_outside else {}))

    async def later_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, due now: one statement, however many."""
        connection = (await within.get_raw_connection()).driver_connection
        jobs: list[JSONDict] = [{"kind": kind, "subject_id": str(subject_id)} for subject_id in subject_ids]
        await self._do.configure(connection=connection).batch_defer_async(*jobs)

    async def next_in(self, lane: str, kind: str, subject_id: UUID, *, within: Transaction) -> None:
        """Enqueue before everything else that waits in a lane."""
        connection = (await within.get_raw_connection()).driver_connection
        job = self._do.configure(lock=lane, priority=1, connection=connection)
        await job.defer_async(kind=kind, subject_id=str(subject_id))

    async def rest(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin nothing of a lane before a time: whoever begins the first of its jobs puts it back until then."""
        await self._view.rest(within, lane, since=self._clock(), until=until)

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done again and again: by one worker at a time, however many there are."""
        name = f"every {seconds:g} s: {work.__qualname__}"

        async def once(timestamp: int) -> None:
            await survive(f"{name} at {timestamp}", work())

        task = self._app.task(name=name, queueing_lock=name, lock=name)(once)  # the next one waits for a long one
        self._app.periodic(cron=_cron(round(seconds)), periodic_id=name)(task)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop_asked.set()

    async def backlog(self) -> Backlog:
        """How much is due, and for how long, in all processes together."""
        return await self._view.backlog(self._clock())

    async def last_look_at(self) -> datetime | None:
        """When any worker last looked for work."""
        return await self._view.last_look_at()

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run what is due until ``stop``; what has not ended ``GRACE_S`` later goes back to the queue."""
        self._handlers, self._failed = handlers, failed
        stop_asked = asyncio.create_task(self._stop_asked.wait())
        async with self._app.open_async():
            watch = asyncio.create_task(self._watch())
            while not self._stop_asked.is_set():
                worker = asyncio.create_task(self._work())
                await asyncio.wait({worker, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
                await self._end(worker)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)

    async def _work(self) -> None:
        """Be a worker until the database goes away; what was begun is waited for, also then."""
        try:
            await self._app.run_worker_async(
                concurrency=AT_ONCE,
                fetch_job_polling_interval=POLL_S,
                delete_jobs="always",
                install_signal_handlers=False,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=DEAD_AFTER_S,
            )
        except ConnectorException as error:
            log.warning("the queue waits for the database", reason=str(error))

    async def _end(self, worker: asyncio.Task[None]) -> None:
        if not self._stop_asked.is_set():  # it ended by itself
            await worker
            await asyncio.sleep(RECONNECT_S)
            return
        worker.cancel()  # begins nothing new, and waits for what was begun
        _, late = await asyncio.wait({worker}, timeout=GRACE_S)
        if late:
            for task in self._begun:
                task.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    async def _run_one(self, context: JobContext, kind: str, subject_id: str) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 reason: tells mypy what asyncio promises
        self._begun.add(task)
        try:
            await self._respect(context.job.lock)
            await self._handle(kind, UUID(subject_id))
        finally:
            self._begun.discard(task)

    async def _respect(self, lane: str | None) -> None:
        if lane and (opens_at := await self._view.opens_at(lane, self._clock())):
            raise Resting(opens_at)

    async def _handle(self, kind: str, subject_id: UUID) -> None:
        assert self._failed is not None  # noqa: S101 reason: only ``run`` leads here
        error = await survive(kind, self._handlers[kind](subject_id))
        if error is None:
            return
        trouble = await survive("a failure's record", self._failed(kind, subject_id, error))
        if trouble is not None:
            raise trouble  # not even that could be written: the job goes back

    async def _enqueue(self, kind: str, subject_id: str, lane: str) -> None:
        await self._do.configure(lock=lane).defer_async(kind=kind, subject_id=subject_id)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_FOR_DEAD_EVERY_S)
            await survive("the look for dead workers", self._take_over())

    async def _take_over(self) -> None:
        """Give back the jobs of dead workers; one look is not enough, a restarted database makes all seem dead."""
        manager = self._app.job_manager
        stalled = {
            job.id: job for job in await manager.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S) if job.id
        }
        for job_id in self._suspects & stalled.keys():
            log.warning("a dead worker's job is taken over", job=stalled[job_id].task_kwargs)
            with suppress(ConnectorException):  # another worker was quicker
                await manager.retry_job(stalled[job_id])
        self._suspects = frozenset(stalled)


def _cron(seconds: int) -> str:
    """Every so many seconds, or else minutes or hours, of the clock on the wall; the sixth field is the seconds'."""
    if seconds < 60:
        return f"* * * * * */{seconds}"
    return f"*/{seconds // 60} * * * *" if seconds < 3600 else f"0 */{seconds // 3600} * * *"
