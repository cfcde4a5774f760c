"""The engine for many machines: Procrastinate, whose jobs are rows of the same Postgres as everything else.

It enqueues within our transaction, hands each job to one worker (SKIP LOCKED), wakes workers (LISTEN, NOTIFY) and knows
which of them live (heartbeats). Taking over a dead worker's jobs is left to us; so are attempts, which our rows count.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog
from procrastinate import App, BaseRetryStrategy, JobContext, PsycopgConnector, RetryDecision
from procrastinate.jobs import Job

from service.db.postgres import connecting
from service.db.tables import Transaction
from service.errors import Temporary
from service.model import Backlog, NewJob
from service.queue.connections import connections
from service.queue.errors import log_in_one_line, translated
from service.queue.handlers import Failed, Handler, survive
from service.queue.periodic import PERIODIC, Timetable

AT_ONCE = 16  # jobs of a kind, in each process: a kind is a queue of its own, so that none takes another's room
CONNECTIONS = 8  # each is needed for a moment only: to fetch a job, or to put one away
ANSWERS_WITHIN_S = 5.0
NAP_S = 1.0
GRACE_S = 10.0
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # at once, even where the database's clock is behind ours

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often a worker shows that it lives, and how soon it is thought dead, in seconds.

    A dead worker's job runs elsewhere after ``dead_after`` and two looks more; all others of a second look have had
    time to show that they live, even when the database itself was away.
    """

    heartbeat: float = 5.0
    dead_after: float = 25.0
    look: float = 10.0
    poll: float = 0.5  # LISTEN is quicker; this is for jobs whose time has come, and for lanes that have rested


class JobView(Protocol):
    """What the engine asks of the store: how the jobs and workers of all processes stand."""

    @staticmethod
    def add(transaction: Transaction, subject_ids: Sequence[UUID], new: NewJob) -> None:
        """Add a job for each subject within a transaction, in their order."""

    async def backlog(self) -> Backlog:
        """How much is due."""
        ...

    @staticmethod
    def rest(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane for a time within a transaction."""

    async def opens_at(self, lane: str, now: datetime) -> datetime | None:
        """When a closed lane opens; None when it is open."""
        ...

    async def silent_for(self) -> timedelta | None:
        """Since when no worker has shown that it lives; None when there is none."""
        ...

    async def take_over(
        self, suspects: Collection[int], *, dead_after_s: float, own_workers: Collection[int], begun: Collection[int]
    ) -> tuple[Sequence[int], Collection[int]]:
        """Give suspects back that nobody works on; these, and all others that look as if nobody did."""
        ...


class Resting(Exception):
    """The lane of a job is closed: the job waits at its head, where it keeps the others back."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"the lane rests, look again at {until}")
        self.until = until


class GiveBack(BaseRetryStrategy):
    """What was cut off, or could not even be recorded as failed, or must rest, goes back to its place in the queue."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision:
        """Try again shortly before the lane opens, or else at once."""
        return RetryDecision(retry_at=exception.until if isinstance(exception, Resting) else LONG_AGO)


class ProcrastinateJobs:
    """The job engine of many processes; see ``Jobs`` for what it promises."""

    def __init__(
        self, database_url: str, view: JobView, *, clock: Callable[[], datetime], rhythm: Rhythm | None = None
    ) -> None:
        self._view = view
        self._clock = clock
        self._rhythm = rhythm or Rhythm()
        connector = PsycopgConnector(
            conninfo=database_url,
            min_size=0,  # with one, it would insist on that first, and not end while the database is away
            max_size=CONNECTIONS,
            timeout=ANSWERS_WITHIN_S,
            reconnect_timeout=ANSWERS_WITHIN_S,  # longer, and it would sleep for minutes between two tries
            # a job whose end is forgotten runs again: work is settled
            kwargs=connecting(database_url, synchronous_commit=False),
            pool_factory=connections,
        )
        self._app = App(connector=connector)
        self._do = self._app.task(name="do", retry=GiveBack(), pass_context=True)(self._run_one)
        self._do_then = self._app.task(name="do then", retry=GiveBack())(self._enqueue)
        self._timetable = Timetable(self._app, clock)
        self._handlers: Mapping[str, Handler] = {}
        self._failed: Failed | None = None
        self._begun: dict[int, asyncio.Task[None]] = {}
        self._workers: set[int] = set()
        self._suspects: Collection[int] = ()
        self._stop_asked = asyncio.Event()

    def later(
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
        new = NewJob(kind=kind, task=self._do.name, arguments={"kind": kind}, lock=lane, run_at=at)
        if lane is not None and at is not None and at > self._clock():
            waits = {"kind": kind, "lane": lane}
            new = replace(new, task=self._do_then.name, arguments=waits, lock=None)
        self._view.add(within, [subject_id], new)

    def later_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, due now: one statement, however many."""
        self._view.add(within, subject_ids, NewJob(kind=kind, task=self._do.name, arguments={"kind": kind}))

    def next_in(self, lane: str, kind: str, subject_id: UUID, *, within: Transaction) -> None:
        """Enqueue before everything else that waits in a lane."""
        new = NewJob(kind=kind, task=self._do.name, arguments={"kind": kind}, lock=lane, is_first=True)
        self._view.add(within, [subject_id], new)

    def rest(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin nothing of a lane before a time: whoever begins the first of its jobs puts it back until then."""
        self._view.rest(within, lane, since=self._clock(), until=until)

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done again and again: by one worker at a time, however many there are."""
        self._timetable.add(seconds, work)

    def stop(self) -> None:
        """Begin nothing new."""
        self._stop_asked.set()

    async def backlog(self) -> Backlog:
        """How much is due, and for how long, in all processes together."""
        return await self._view.backlog()

    async def last_look_at(self) -> datetime | None:
        """When any worker last looked for work."""
        silent_for = await self._view.silent_for()
        return None if silent_for is None else self._clock() - silent_for

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run what is due until ``stop``; what has not ended ``GRACE_S`` later goes back to the queue."""
        self._handlers, self._failed = handlers, failed
        log_in_one_line()
        async with self._app.open_async(), self._beside(), asyncio.TaskGroup() as group:
            for queue in (*handlers, PERIODIC):
                group.create_task(self._serve(queue))

    @asynccontextmanager
    async def _beside(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work) for work in (self._watch(), self._timetable.keep())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, queue: str) -> None:
        """Work off a queue until ``stop``; begin anew whenever the database has been away."""
        stop_asked = asyncio.create_task(self._stop_asked.wait())
        while not self._stop_asked.is_set():
            worker = asyncio.create_task(self._work(queue))
            await asyncio.wait({worker, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
            await self._end(worker)
        stop_asked.cancel()

    async def _work(self, queue: str) -> None:
        """Be a worker until the database goes away; what was begun is waited for, also then."""
        try:
            with translated():
                await self._app.run_worker_async(
                    queues=[queue],
                    concurrency=AT_ONCE,
                    fetch_job_polling_interval=self._rhythm.poll,
                    delete_jobs="always",
                    install_signal_handlers=False,
                    update_heartbeat_interval=self._rhythm.heartbeat,
                    stalled_worker_timeout=self._rhythm.dead_after,
                )
        except Temporary as error:
            log.warning("a queue waits for the database", queue=queue, reason=str(error))

    async def _end(self, worker: asyncio.Task[None]) -> None:
        if not self._stop_asked.is_set():  # it ended by itself
            await worker
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), NAP_S)
            return
        clock = asyncio.get_running_loop().time
        grace_ends_at = clock() + GRACE_S
        worker.cancel()  # begins nothing new, and waits for what was begun
        while (await asyncio.wait({worker}, timeout=NAP_S))[1]:
            if clock() >= grace_ends_at:
                for task in self._begun.values():
                    task.cancel()
            if not self._begun:
                worker.cancel()  # while it starts, Procrastinate may swallow the first
        with suppress(asyncio.CancelledError):
            await worker

    async def _run_one(self, context: JobContext, kind: str, subject_id: str) -> None:
        task, job = asyncio.current_task(), context.job
        assert task is not None  # noqa: S101 - tells mypy what asyncio promises
        assert job.id is not None  # noqa: S101 - a job that was fetched has been saved
        assert job.worker_id is not None  # noqa: S101 - the same
        self._workers.add(job.worker_id)
        self._begun[job.id] = task
        try:
            await self._respect(job.lock)
            await self._handle(kind, UUID(subject_id))
        finally:
            del self._begun[job.id]

    async def _respect(self, lane: str | None) -> None:
        """Wait for a lane that is about to open; of one that rests for longer, come back shortly before it does.

        Who came back only when it is open would be found by a poll still later, and make every pace slower.
        """
        now, poll = self._clock(), timedelta(seconds=self._rhythm.poll)
        opens_at = await self._view.opens_at(lane, now) if lane else None
        if opens_at is None:
            return
        if opens_at - now > poll:
            raise Resting(opens_at - poll)
        await asyncio.sleep((opens_at - now).total_seconds())

    async def _handle(self, kind: str, subject_id: UUID) -> None:
        assert self._failed is not None  # noqa: S101 - only ``run`` leads here
        error = await survive(kind, self._handlers[kind](subject_id))
        if error is None:
            return
        trouble = await survive("a failure's record", self._failed(kind, subject_id, error))
        if trouble is not None:
            await asyncio.sleep(NAP_S)
            raise trouble  # not even that could be written: the job goes back

    async def _enqueue(self, kind: str, subject_id: str, lane: str) -> None:
        await self._do.configure(queue=kind, lock=lane).defer_async(kind=kind, subject_id=subject_id)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._rhythm.look)
            await survive("the look for dead workers", self._take_over())

    async def _take_over(self) -> None:
        """Give back the jobs of dead workers; one look is not enough, a restarted database makes all seem dead.

        Also our own that have ended without the database hearing of it: a lost connection leaves them begun for ever.
        """
        taken, self._suspects = await self._view.take_over(
            self._suspects,
            dead_after_s=self._rhythm.dead_after,
            own_workers=self._workers,
            begun=self._begun,
        )
        if taken:
            log.warning("jobs that nobody works on any longer were given back", jobs=len(taken))
