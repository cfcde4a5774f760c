"""The embedded engine: jobs in a table of the SQLite file, run by the one process that holds the data folder.

Being the only one, it needs no claims: a row in the table is work to do until it is removed, and what it has begun
it knows by heart. A crash forgets what was begun, and so begins it again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.errors import Temporary
from service.model import Backlog, QueuedJob
from service.queue.handlers import Failed, Handler, survive

AT_ONCE = 16  # jobs of a kind begun and not ended: while CircleCI hangs, those that send still have room
LOOK_AHEAD = 4 * AT_ONCE  # of a kind, found at one look: most of them begin later, without another look
LOOK_EVERY_S = 0.05  # while there is enough at hand; else at once
NAP_S = 1.0  # between looks when nothing woke us: another process (`roundsman resend`) may have enqueued
GRACE_S = 10.0
AHEAD = timedelta(milliseconds=1)

log = structlog.get_logger()


class JobTable(Protocol):
    """What the engine asks of the store."""

    def add(self, transaction: Transaction, kind: str, subject_id: UUID, *, run_at: datetime, lane: str | None) -> None:
        """Add a job within a transaction."""

    @staticmethod
    def add_many(transaction: Transaction, kind: str, subject_ids: Sequence[UUID], *, run_at: datetime) -> None:
        """Add a job for each subject within a transaction."""

    def leading(self, transaction: Transaction, lane: str) -> datetime | None:
        """When the first job of a lane is due; None when it has none."""
        ...

    def rest(self, transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
        """Close a lane for a time within a transaction."""

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        done: Collection[int],
        begun: Collection[QueuedJob],
        busy_kinds: Collection[str],
    ) -> Sequence[QueuedJob]:
        """Forget jobs that are done; what else is due, oldest first, of lanes that neither rest nor are busy."""
        ...

    async def next_run_at(self, after: datetime) -> datetime | None:
        """When, after a time, the next job is due or the next lane has rested."""
        ...

    async def remove(self, ids: Collection[int]) -> None:
        """Forget jobs that are done."""

    async def backlog(self, now: datetime) -> Backlog:
        """How much is due."""
        ...


class EmbeddedJobs:
    """The job engine of one process; see ``Jobs`` for what it promises."""

    def __init__(self, table: JobTable, *, clock: Callable[[], datetime]) -> None:
        self._table = table
        self._clock = clock
        self._periodic: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        self._at_hand: list[QueuedJob] = []
        self._begun: dict[int, QueuedJob] = {}
        self._done: list[int] = []
        self._awake = asyncio.Event()
        self._stopping = False
        self._last_look_at: datetime | None = None
        self._look_again_at = 0.0  # by the event loop's clock

    def later(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue within a transaction; whoever commits it calls ``wake``."""
        self._table.add(within, kind, subject_id, run_at=at or self._clock(), lane=lane)

    def later_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, due now."""
        self._table.add_many(within, kind, subject_ids, run_at=self._clock())

    def next_in(self, lane: str, kind: str, subject_id: UUID, *, within: Transaction) -> None:
        """Enqueue before everything else that waits in a lane: what is due first is begun first."""
        now = self._clock()
        run_at = min(now, (self._table.leading(within, lane) or now) - AHEAD)
        self._table.add(within, kind, subject_id, run_at=run_at, lane=lane)

    def rest(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin nothing of a lane before a time."""
        self._table.rest(within, lane, since=self._clock(), until=until)

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done again and again while the engine runs."""
        self._periodic.append((seconds, work))

    def wake(self) -> None:
        """Look now: there may be something new to do."""
        self._awake.set()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True
        self.wake()

    async def backlog(self) -> Backlog:
        """How much is due, and for how long."""
        return await self._table.backlog(self._clock())

    async def last_look_at(self) -> datetime | None:
        """When it last looked for work."""
        return self._last_look_at

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run what is due until ``stop``, then give what was begun ``GRACE_S`` seconds to end."""
        periodic = [asyncio.create_task(self._again_and_again(seconds, work)) for seconds, work in self._periodic]
        tasks: set[asyncio.Task[None]] = set()
        while not self._stopping:
            self._awake.clear()
            chosen = await self._choose()
            for job in chosen:
                task = asyncio.create_task(self._run_one(job, handlers.get(job.kind), failed))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            if not chosen:  # what was chosen made lanes busy, so the next look may see past them
                await self._nap()
        for task in periodic:
            task.cancel()
        await asyncio.gather(*periodic, return_exceptions=True)
        await self._finish(tasks)

    async def _choose(self) -> list[QueuedJob]:
        """What to begin now: of what is at hand if the last look is not long ago, or else after another."""
        if self._looks_in_s():
            return self._pick(self._at_hand)
        self._last_look_at = self._clock()
        try:
            found = await self._look(self._last_look_at)
        except Temporary as error:
            log.warning("the queue waits", reason=str(error))
            return []
        chosen = self._pick([*self._at_hand, *found])
        self._look_again_at = asyncio.get_running_loop().time() + LOOK_EVERY_S if chosen else 0.0
        return chosen

    def _looks_in_s(self) -> float:
        """For how long what is at hand must do; after a look that found nothing to begin, every call is heeded."""
        return max(0.0, self._look_again_at - asyncio.get_running_loop().time()) if self._at_hand else 0.0

    async def _look(self, now: datetime) -> Sequence[QueuedJob]:
        """What else is due; the table forgets what is done in the same transaction."""
        done, self._done = self._done, []
        begun = Counter(job.kind for job in self._begun.values())
        busy_kinds = {kind for kind, count in begun.items() if count >= AT_ONCE} | {job.kind for job in self._at_hand}
        try:
            return await self._table.due(
                now,
                limit=LOOK_AHEAD,
                done=done,
                begun=self._begun.values(),
                busy_kinds=busy_kinds,
            )
        except Temporary:
            self._done += done  # they are settled; only the table does not know yet
            raise

    def _pick(self, found: Sequence[QueuedJob]) -> list[QueuedJob]:
        """Begin as many as there is room for, one of a lane and one of a subject at a time.

        Of the others we know for certain that they can begin later only where they are of no lane: these stay at hand.
        """
        lanes = {job.lane for job in self._begun.values() if job.lane}
        subjects = {job.subject_id for job in self._begun.values()}
        begun = Counter(job.kind for job in self._begun.values())
        chosen: list[QueuedJob] = []
        left: list[QueuedJob] = []
        for job in found:
            if begun[job.kind] < AT_ONCE and job.lane not in lanes and job.subject_id not in subjects:
                chosen.append(job)
                begun[job.kind] += 1
                subjects.add(job.subject_id)
                lanes |= {job.lane} if job.lane else set()
            elif job.lane is None:
                left.append(job)
        self._at_hand = left
        self._begun |= {job.id: job for job in chosen}
        return chosen

    async def _nap(self) -> None:
        """Sleep until somebody wakes us, the next job is due, or it is time for a look."""
        with suppress(TimeoutError):
            async with asyncio.timeout(await self._nap_s()):
                await self._awake.wait()

    async def _nap_s(self) -> float:
        if looks_in_s := self._looks_in_s():
            return looks_in_s
        now = self._clock()
        try:
            soonest = await self._table.next_run_at(now)
        except Temporary:
            return NAP_S
        return min(NAP_S, max(0.0, (soonest - now).total_seconds())) if soonest else NAP_S

    async def _run_one(self, job: QueuedJob, handler: Handler | None, failed: Failed) -> None:
        try:
            if await self._is_over(job, handler, failed):
                self._done.append(job.id)
        finally:  # whatever happens: what stayed begun for ever would take the room of others
            del self._begun[job.id]
            self.wake()

    async def _is_over(self, job: QueuedJob, handler: Handler | None, failed: Failed) -> bool:
        if handler is None:
            log.error("a job of another release is left undone; the sweep takes up what it was about", job=job.kind)
            return True
        error = await survive(job.kind, handler(job.subject_id))
        if error is not None and await survive("a failure's record", failed(job.kind, job.subject_id, error)):
            await asyncio.sleep(NAP_S)  # not even that could be written: the job stays, and is begun again
            return False
        return True

    async def _again_and_again(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await survive("periodic work", work())
            await asyncio.sleep(seconds)

    async def _finish(self, tasks: set[asyncio.Task[None]]) -> None:
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(Temporary):  # the next start runs them once more and finds them settled
            await self._table.remove(self._done)
