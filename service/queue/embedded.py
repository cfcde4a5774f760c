"""The embedded engine: jobs in a table of SQLite, run by its only process.

A single process needs no claims: a row is a job to do until it is deleted, and the running jobs are known in memory. A
crash forgets them, so that they run again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.db.transactions import call_after_commit
from service.errors import Temporary
from service.model import Backlog, LaneHead, QueuedJob
from service.queue.embedded_sql import JobRows
from service.queue.grace import Grace
from service.queue.handlers import Failed, Handler, run_guarded

MAX_CONCURRENT = 16  # running jobs of a kind: while CircleCI hangs, sends still have slots
PREFETCH = 4 * MAX_CONCURRENT  # jobs of a kind that one poll reads: most of them begin later, without another poll
POLL_EVERY_S = 0.05  # while prefetched jobs are left; else at once
IDLE_POLL_S = 1.0  # between polls without a wake-up: another process (`roundsman resend`) may have enqueued

log = structlog.get_logger()


class EmbeddedQueue:
    """The job engine of one process; ``JobQueue`` documents its promises."""

    def __init__(self, table: JobRows, *, clock: Callable[[], datetime], grace: Grace | None = None) -> None:
        self._table = table
        self._clock = clock
        self._grace = grace or Grace()
        self._periodic: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        self._prefetched: list[QueuedJob] = []
        self._begun: dict[int, QueuedJob] = {}
        self._done: list[int] = []
        self._awake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._last_look_at: datetime | None = None
        self._next_poll_at = 0.0  # by the event loop's clock

    def enqueue(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue a job in a transaction, whose commit wakes the engine."""
        self._table.add(within, kind, subject_id, run_at=at or self._clock(), lane=lane)
        call_after_commit(within, self._announce)

    def enqueue_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, due now."""
        self._table.add_many(within, kind, subject_ids, run_at=self._clock())
        call_after_commit(within, self._announce)

    def set_head(self, lane: str, kind: str, head: LaneHead | None, *, within: Transaction) -> None:
        """Have one job wait in a lane; one that runs is known in memory, and needs no row."""
        self._table.clear_lane(within, lane)
        if head is not None:
            self._table.add(within, kind, head.subject_id, run_at=head.due_at, lane=lane)
            call_after_commit(within, self._announce)

    def pause_lane(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin no job of a lane before a time."""
        self._table.pause_lane(within, lane, since=self._clock(), until=until)
        call_after_commit(within, self._announce)

    def schedule(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run something periodically while the engine runs."""
        self._periodic.append((seconds, work))

    def wake(self) -> None:
        """Poll now: another process may have enqueued jobs."""
        self._awake.set()

    def _announce(self) -> None:
        """Poll after a commit that enqueued jobs; others, such as of posts, need no poll."""
        if (loop := self._loop) is not None:  # read once: another thread may end it
            loop.call_soon_threadsafe(self.wake)

    def stop(self) -> None:
        """Begin no new job."""
        self._stopping = True
        self.wake()

    async def backlog(self) -> Backlog:
        """Return the number of due jobs, and the age of the oldest."""
        return await self._table.backlog(self._clock())

    async def last_heartbeat(self) -> datetime | None:
        """Return the time of the last poll."""
        return self._last_look_at

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run due jobs until ``stop``, then give the running ones their grace time."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._run(handlers, failed)
        finally:
            self._loop = None

    async def _run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        periodic = [asyncio.create_task(self._run_periodically(seconds, work)) for seconds, work in self._periodic]
        tasks: dict[asyncio.Task[None], str] = {}
        while not self._stopping:
            self._awake.clear()
            chosen = await self._choose()
            for job in chosen:
                task = asyncio.create_task(self._run_one(job, handlers.get(job.kind), failed))
                tasks[task] = job.kind
                task.add_done_callback(tasks.pop)
            if not chosen:  # jobs that were begun made their lanes busy: the next poll reads past them
                await self._sleep()
        for task in periodic:
            task.cancel()
        await asyncio.gather(*periodic, return_exceptions=True)
        await self._finish(tasks)

    async def _choose(self) -> list[QueuedJob]:
        """Choose jobs to begin: prefetched ones after a recent poll, else after a new one."""
        if self._next_poll_in_s():
            return self._pick(self._prefetched)
        self._last_look_at = self._clock()
        try:
            found = await self._look(self._last_look_at)
        except Temporary as error:
            log.warning("the queue waits", reason=str(error))
            return []
        if self._stopping:  # since the poll began
            return []
        chosen = self._pick([*self._prefetched, *found])
        self._next_poll_at = asyncio.get_running_loop().time() + POLL_EVERY_S if chosen else 0.0
        return chosen

    def _next_poll_in_s(self) -> float:
        """Return the seconds until the next poll; 0 if no prefetched job is left."""
        return max(0.0, self._next_poll_at - asyncio.get_running_loop().time()) if self._prefetched else 0.0

    async def _look(self, now: datetime) -> Sequence[QueuedJob]:
        """Read due jobs, and delete the finished ones in the same transaction."""
        done, self._done = self._done, []
        begun = Counter(job.kind for job in self._begun.values())
        busy_kinds = {kind for kind, count in begun.items() if count >= MAX_CONCURRENT} | {
            job.kind for job in self._prefetched
        }
        try:
            return await self._table.due(
                now,
                limit=PREFETCH,
                done=done,
                begun=self._begun.values(),
                busy_kinds=busy_kinds,
            )
        except Temporary:
            self._done += done  # they are finished; only their rows are left
            raise

    def _pick(self, found: Sequence[QueuedJob]) -> list[QueuedJob]:
        """Begin as many jobs as there are slots, one at a time of a lane and a subject.

        The rest without a lane stays prefetched; jobs in a lane are read again at the next poll, since another one of
        the lane may go first by then.
        """
        lanes = {job.lane for job in self._begun.values() if job.lane}
        subjects = {job.subject_id for job in self._begun.values()}
        begun = Counter(job.kind for job in self._begun.values())
        chosen: list[QueuedJob] = []
        left: list[QueuedJob] = []
        for job in found:
            if begun[job.kind] < MAX_CONCURRENT and job.lane not in lanes and job.subject_id not in subjects:
                chosen.append(job)
                begun[job.kind] += 1
                subjects.add(job.subject_id)
                lanes |= {job.lane} if job.lane else set()
            elif job.lane is None:
                left.append(job)
        self._prefetched = left
        self._begun |= {job.id: job for job in chosen}
        return chosen

    async def _sleep(self) -> None:
        """Sleep until a wake-up, the next due time, or the next poll."""
        with suppress(TimeoutError):
            async with asyncio.timeout(await self._sleep_s()):
                await self._awake.wait()

    async def _sleep_s(self) -> float:
        if looks_in_s := self._next_poll_in_s():
            return looks_in_s
        now = self._clock()
        try:
            soonest = await self._table.next_run_at(now)
        except Temporary:
            return IDLE_POLL_S
        return min(IDLE_POLL_S, max(0.0, (soonest - now).total_seconds())) if soonest else IDLE_POLL_S

    async def _run_one(self, job: QueuedJob, handler: Handler | None, failed: Failed) -> None:
        try:
            if await self._execute(job, handler, failed):
                self._done.append(job.id)
        finally:  # a job that stayed in here would keep its slot for ever
            del self._begun[job.id]
            self.wake()

    async def _execute(self, job: QueuedJob, handler: Handler | None, failed: Failed) -> bool:
        if handler is None:
            log.error("a job of another release is left undone; the sweep takes up its subject", job=job.kind)
            return True
        error = await run_guarded(job.kind, handler(job.subject_id))
        if error is not None and await run_guarded("a failure's record", failed(job.kind, job.subject_id, error)):
            await asyncio.sleep(IDLE_POLL_S)  # the failure could not be recorded either: the job stays and runs again
            return False
        return True

    async def _run_periodically(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await run_guarded("periodic work", work())
            await asyncio.sleep(seconds)

    async def _finish(self, tasks: Mapping[asyncio.Task[None], str]) -> None:
        loop = asyncio.get_running_loop()
        ends = [loop.call_later(self._grace.of(kind), task.cancel) for task, kind in tasks.items()]
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            end.cancel()
        with suppress(Temporary):  # the next start runs them once more and finds their work settled
            await self._table.remove(self._done)
