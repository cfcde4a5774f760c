"""A job engine to try things with, and handlers that write down what they were given."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from service.db.database import Store
from service.model import QueuedJob
from service.queue.base import JobQueue
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from service.queue.grace import Grace
from service.queue.procrastinate import ProcrastinateQueue, WorkerTimings
from service.queue.procrastinate_sql import ProcrastinateRows
from tests.support.app_fixture import SETTLED_WITHIN_S, Clock, a_moment
from tests.support.databases import Database, Sqlite

Make = Callable[[Store, Callable[[], datetime]], JobQueue]
HASTY = WorkerTimings(poll=0.05)


def engine_on(database: Database, timings: WorkerTimings = HASTY, grace: Grace | None = None) -> Make:
    """Return a function that makes the job engine that fits a database."""

    def make_procrastinate(store: Store, clock: Callable[[], datetime]) -> JobQueue:
        return ProcrastinateQueue(database.url, ProcrastinateRows(store), clock=clock, timings=timings, grace=grace)

    return partial(make_embedded, grace=grace) if isinstance(database, Sqlite) else make_procrastinate


def make_embedded(store: Store, clock: Callable[[], datetime], grace: Grace | None = None) -> JobQueue:
    return EmbeddedQueue(JobRows(store), clock=clock, grace=grace)


@dataclass(kw_only=True)
class Work:
    """An engine, and handlers that write down what they were given.

    acts      what else the handler does for a subject
    failures  what ``failed`` was told
    """

    store: Store
    clock: Clock
    make: Make
    jobs: JobQueue = field(init=False)
    ran: list[UUID] = field(default_factory=list)
    acts: dict[UUID, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    failures: list[tuple[str, UUID, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = self.make(self.store, self.clock)

    async def enqueue(self, subject: UUID, *, lane: str | None = None, in_s: float = 0, kind: str = "note") -> None:
        at = self.clock() + timedelta(seconds=in_s)
        await self.store.write(
            lambda transaction: self.jobs.enqueue(kind, subject, within=transaction, at=at, lane=lane)
        )

    async def note(self, subject: UUID) -> None:
        self.ran.append(subject)
        if subject in self.acts:
            await self.acts[subject]()

    async def failed(self, kind: str, subject: UUID, error: Exception) -> None:
        self.failures.append((kind, subject, str(error)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The engine at work; whoever leaves stops it, and waits for it to end."""
        running = asyncio.create_task(self.jobs.run({"note": self.note}, self.failed))
        try:
            yield
        finally:
            self.jobs.stop()
            await running

    async def drain(self) -> None:
        """Run until nothing is due, and then stop for good."""
        async with self.running():
            await self.until_idle()

    async def until_idle(self) -> None:
        async with asyncio.timeout(SETTLED_WITHIN_S):
            await self._until_idle()

    async def _until_idle(self) -> None:
        while (await self.jobs.backlog()).depth:
            await a_moment()


class Watched(JobRows):
    """The table of jobs, and how often somebody looked."""

    looks = 0

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        done: Collection[int] = (),
        begun: Collection[QueuedJob] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        self.looks += 1
        return await super().due(now, limit=limit, done=done, begun=begun, busy_kinds=busy_kinds)


def some(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


class Counted:
    """How many were in here at the same time, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.meanwhile: Callable[[], Awaitable[None]] = yielding

    async def act(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.meanwhile()
        self.now -= 1


async def yielding() -> None:
    """Let others in, if they may."""
    for _ in range(50):
        await asyncio.sleep(0)


def acting(act: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def acted() -> None:
        act()

    return acted


def acting_async(act: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    async def acted() -> None:
        await act()

    return acted


def opening(gate: asyncio.Event) -> Callable[[UUID], Awaitable[None]]:
    async def opened(_subject: UUID) -> None:
        gate.set()

    return opened


def passing(gate: asyncio.Barrier) -> Callable[[], Awaitable[None]]:
    return acting_async(gate.wait)


def raising(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def raised() -> None:
        raise error

    return raised


async def soon(event: asyncio.Event) -> None:
    """Wait for what must happen, but not for ever."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        await event.wait()
