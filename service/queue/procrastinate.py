"""The engine for many machines: Procrastinate, with its jobs in the same Postgres.

It enqueues in our transaction, hands each job to one worker (SKIP LOCKED), and knows which of them are alive
(heartbeats). Requeuing the jobs of dead workers is left to us; so are attempts, which our rows count, and waking the
workers: its own NOTIFY would come within our transactions.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from service.db.postgres import connection_parameters
from service.db.tables import Transaction
from service.db.transactions import call_after_commit
from service.errors import Temporary
from service.model import Backlog, LaneHead, NewJob
from service.queue.claims import claimed
from service.queue.connections import connections
from service.queue.errors import as_temporary, log_in_one_line
from service.queue.fenced_jobs import FencedJobs, fence
from service.queue.grace import Grace
from service.queue.handlers import Failed, Handler, run_guarded
from service.queue.periodic import PERIODIC, PeriodicScheduler
from service.queue.procrastinate_sql import ProcrastinateRows
from service.queue.woken_worker import WokenWorker

MAX_CONCURRENT = 16  # running jobs of a kind in a process: each kind is a queue with slots of its own
CONNECTIONS = 8  # each is used for a moment: to fetch a job, or to delete it
ANSWERS_WITHIN_S = 5.0
IDLE_POLL_S = 1.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # at once, even where the database's clock is behind ours

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class WorkerTimings:
    """Timings of a worker, in seconds.

    heartbeat   between two heartbeats
    dead_after  age of the last heartbeat from which on a worker may be dead
    look        between two checks for dead workers; jobs are taken from a worker only after two checks in a row found
                no heartbeat, so that a database restart does not make every worker look dead
    poll        between two polls for jobs; a wake-up is quicker, this finds due times and lanes that opened
    """

    heartbeat: float = 5.0
    dead_after: float = 25.0
    look: float = 10.0
    poll: float = 0.5


class LanePaused(Exception):
    """The lane of a job is paused: the job waits at its head, ahead of the others."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the lane is paused, try again at {until}")
        self.until = until


class Stopping(Exception):
    """The process stops: a job that it fetched meanwhile is left to others."""


class RequeueStrategy(BaseRetryStrategy):
    """Requeue a job: not begun, interrupted, not recorded, or in a paused lane."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Retry shortly before the lane opens, or else at once."""
        return RetryDecision(retry_at=exception.until if isinstance(exception, LanePaused) else LONG_AGO)


class ProcrastinateQueue:
    """The job engine of many processes; ``JobQueue`` documents its promises."""

    def __init__(
        self,
        database_url: str,
        view: ProcrastinateRows,
        *,
        clock: Callable[[], datetime],
        timings: WorkerTimings | None = None,
        grace: Grace | None = None,
    ) -> None:
        self._view = view
        self._clock = clock
        self._timings = timings or WorkerTimings()
        self._grace = grace or Grace()
        connector = PsycopgConnector(
            conninfo=database_url,
            min_size=0,  # with one, it would wait for that, and not end while the database is away
            max_size=CONNECTIONS,
            timeout=ANSWERS_WITHIN_S,
            reconnect_timeout=ANSWERS_WITHIN_S,  # longer, and it sleeps for minutes between two tries
            # a job whose end is lost runs again and finds its work settled
            kwargs=connection_parameters(database_url, synchronous_commit=False),
            pool_factory=connections,
        )
        self._app = App(connector=connector)
        self._app.job_manager = FencedJobs(connector, lane_moved_on=self._announce)
        self._do = self._app.task(name="do", retry=RequeueStrategy(), pass_context=True)(self._run_one)
        # of workers of the release before, which may run beside us
        self._do_then = self._app.task(name="do then", retry=RequeueStrategy())(self._enqueue)
        self._scheduler = PeriodicScheduler(self._app, clock)
        self._handlers: Mapping[str, Handler] = {}
        self._failed: Failed | None = None
        self._begun: dict[int, asyncio.Task[None]] = {}
        self._busy_lanes: set[str | None] = set()  # those of begun jobs
        self._workers: set[int] = set()  # the ids of all workers of this process that began a job
        self._running: set[WokenWorker] = set()
        self._possibly_stalled: Collection[int] = ()
        self._stop_asked = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Callable[[], None]] = []

    def enqueue(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue a job in a transaction; workers are woken once that is committed."""
        self._add(within, [subject_id], self._new_job(kind, at=at, lane=lane))

    def enqueue_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, due now, in one statement."""
        self._add(within, subject_ids, self._new_job(kind))

    def set_head(self, lane: str, kind: str, head: LaneHead | None, *, within: Transaction) -> None:
        """Have one job wait in a lane; one that is the head's already is left alone.

        Behind a job of this process that runs it waits for the end of that, which wakes the workers.
        """
        if self._view.has_head_job(within, lane, head) or head is None:
            return
        self._view.add(within, [head.subject_id], self._new_job(kind, at=head.due_at, lane=lane))
        call_after_commit(within, partial(self._announce_lane, lane))

    def _announce_lane(self, lane: str) -> None:
        if lane not in self._busy_lanes:
            self._announce()

    def _new_job(self, kind: str, *, at: datetime | None = None, lane: str | None = None) -> NewJob:
        return NewJob(kind=kind, task=self._do.name, arguments={"kind": kind}, lock=lane, run_at=at)

    def _add(self, transaction: Transaction, subject_ids: Sequence[UUID], new: NewJob) -> None:
        self._view.add(transaction, subject_ids, new)
        call_after_commit(transaction, self._announce)

    def pause_lane(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin no job of a lane before a time: a worker that fetches one requeues it."""
        self._view.pause_lane(within, lane, since=self._clock(), until=until)

    def schedule(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run something periodically: on one worker at a time, however many there are."""
        self._scheduler.add(seconds, work)

    def on_new_jobs(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` when jobs may be begun that were not before; from any thread."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Poll now for other than periodic jobs: another process may have enqueued some."""
        for worker in self._running:
            if worker.queues != [PERIODIC]:
                worker.wake()

    def _announce(self) -> None:
        if (loop := self._loop) is not None:  # read once: another thread may end it
            loop.call_soon_threadsafe(self.wake)
        for listener in self._listeners:
            listener()

    def stop(self) -> None:
        """Begin no new job."""
        self._stop_asked.set()
        for worker in self._running:
            worker.stop()  # type: ignore[no-untyped-call]  # reason: Procrastinate leaves the return type out

    async def backlog(self) -> Backlog:
        """Return the number of due jobs of all processes, and the age of the oldest."""
        return await self._view.backlog()

    async def last_heartbeat(self) -> datetime | None:
        """Return the time of the last heartbeat of any worker; None if there is none."""
        since_last_heartbeat = await self._view.since_last_heartbeat()
        return None if since_last_heartbeat is None else self._clock() - since_last_heartbeat

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run due jobs until ``stop``; requeue those still running after their grace time."""
        self._handlers, self._failed = handlers, failed
        log_in_one_line()
        self._loop = asyncio.get_running_loop()
        try:
            async with self._app.open_async(), self._background_tasks(), asyncio.TaskGroup() as group:
                for queue in (*handlers, PERIODIC):
                    group.create_task(self._serve(queue))
        finally:
            self._loop = None

    @asynccontextmanager
    async def _background_tasks(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (self._watch(), self._scheduler.run(), self._beat())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, queue: str) -> None:
        """Run a worker of a queue until ``stop``; a new one after the database was away."""
        while not self._stop_asked.is_set():
            worker = self._make_worker(queue)
            self._running.add(worker)
            try:
                with as_temporary():
                    await worker.run()  # type: ignore[no-untyped-call]  # reason: the same
            except Temporary as error:
                log.warning("a queue waits for the database", queue=queue, reason=str(error))
            self._running.remove(worker)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), IDLE_POLL_S)

    def _make_worker(self, queue: str) -> WokenWorker:
        """Return a worker, which itself gives its running jobs their grace time."""
        return WokenWorker(
            self._app,
            queues=[queue],
            listen_notify=False,
            concurrency=MAX_CONCURRENT,
            fetch_job_polling_interval=self._timings.poll,
            shutdown_graceful_timeout=self._grace.of(queue),
            delete_jobs="always",
            install_signal_handlers=False,
            update_heartbeat_interval=self._timings.heartbeat,
            stalled_worker_timeout=self._timings.dead_after,
        )

    async def _run_one(self, context: JobContext, kind: str, subject_id: str) -> None:
        task, job = asyncio.current_task(), context.job
        assert task is not None  # noqa: S101 - tells mypy what asyncio promises
        assert job.id is not None  # noqa: S101 - a job that was fetched has been saved
        assert job.worker_id is not None  # noqa: S101 - the same
        if self._stop_asked.is_set():
            raise Stopping("the process stops")
        self._workers.add(job.worker_id)
        self._begun[job.id] = task
        self._busy_lanes.add(job.lock)
        try:
            await self._wait_for_lane(job.lock)
            with claimed(partial(self._view.holds_job, fence(job))):
                await self._handle(kind, UUID(subject_id))
        finally:
            del self._begun[job.id]
            self._busy_lanes.discard(job.lock)

    async def _wait_for_lane(self, lane: str | None) -> None:
        """Wait for a lane that is about to open; for a longer pause, requeue the job.

        It is requeued for shortly before the opening: waking exactly on time would add one polling interval.
        """
        now, poll = self._clock(), timedelta(seconds=self._timings.poll)
        opens_at = await self._view.opens_at(lane, now) if lane else None
        if opens_at is None:
            return
        if opens_at - now > poll:
            raise LanePaused(opens_at - poll)
        await asyncio.sleep((opens_at - now).total_seconds())

    async def _handle(self, kind: str, subject_id: UUID) -> None:
        assert self._failed is not None  # noqa: S101 - only ``run`` leads here
        error = await run_guarded(kind, self._handlers[kind](subject_id))
        if error is None:
            return
        trouble = await run_guarded("a failure's record", self._failed(kind, subject_id, error))
        if trouble is not None:
            await asyncio.sleep(IDLE_POLL_S)
            raise trouble  # the failure could not be recorded either: the job is requeued

    async def _enqueue(self, kind: str, subject_id: str, lane: str) -> None:
        await self._do.configure(queue=kind, lock=lane).defer_async(kind=kind, subject_id=subject_id)

    async def _beat(self) -> None:
        """Write the heartbeats of workers that are stopping: they do not do so themselves.

        Without them, jobs that may still end would be given to other workers.
        """
        await self._stop_asked.wait()
        while True:
            await run_guarded("the heartbeat of stopping workers", self._view.beat(self._workers))
            await asyncio.sleep(self._timings.heartbeat)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._timings.look)
            await run_guarded("the check for dead workers", self._requeue_stalled())

    async def _requeue_stalled(self) -> None:
        """Requeue jobs of workers that two checks in a row found dead.

        One check is not enough: a restarted database makes every worker look dead. Jobs of this process that ended on a
        lost connection, and would stay begun for ever, are requeued too.
        """
        taken, self._possibly_stalled = await self._view.requeue_stalled(
            self._possibly_stalled,
            dead_after_s=self._timings.dead_after,
            own_workers=self._workers,
            begun=self._begun,
        )
        if taken:
            self._announce()
            log.warning("jobs of dead workers were requeued", jobs=len(taken))
