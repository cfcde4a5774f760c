"""What every job engine promises. A second engine runs through the same suite: add it to ``ENGINES``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from service.errors import Temporary
from service.jobs import EmbeddedJobs, Jobs, embedded
from service.model import Backlog, QueuedJob
from service.store import JobRows, Store
from tests.house import Clock

Make = Callable[[Store, Clock], Jobs]


def make_embedded(store: Store, clock: Clock) -> Jobs:
    jobs = EmbeddedJobs(JobRows(store), clock=clock)
    store.after_commit(jobs.wake)
    return jobs


ENGINES: dict[str, Make] = {"embedded": make_embedded}


@dataclass(kw_only=True)
class Work:
    """An engine, and handlers that write down what they were given.

    acts      what else the handler does for a subject
    failures  what ``failed`` was told
    """

    store: Store
    clock: Clock
    make: Make
    jobs: Jobs = field(init=False)
    ran: list[UUID] = field(default_factory=list)
    acts: dict[UUID, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    failures: list[tuple[str, UUID, str]] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.jobs = self.make(self.store, self.clock)
        self.store.after_commit(self.changed.set)

    async def later(self, subject: UUID, *, lane: str | None = None, in_s: float = 0, kind: str = "note") -> None:
        at = self.clock() + timedelta(seconds=in_s)
        async with self.store.writing() as transaction:
            await self.jobs.later(kind, subject, within=transaction, at=at, lane=lane)

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
        while (await self.jobs.backlog()).depth:
            await self.changed.wait()
            self.changed.clear()


@pytest.fixture(params=ENGINES.values(), ids=list(ENGINES))
async def work(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Work]:
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    yield Work(store=store, clock=Clock(), make=request.param)
    await store.close()


def some(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def test_a_job_runs_once(work: Work) -> None:
    [subject] = some(1)
    await work.later(subject)

    await work.drain()

    assert work.ran == [subject]
    assert await work.jobs.backlog() == Backlog(depth=0, oldest_age_s=0)


async def test_a_job_is_gone_when_its_transaction_is(work: Work) -> None:
    with suppress(ZeroDivisionError):
        async with work.store.writing() as transaction:
            await work.jobs.later("note", uuid4(), within=transaction)
            raise ZeroDivisionError

    await work.drain()

    assert work.ran == []


async def test_a_job_without_a_time_is_due_at_once(work: Work) -> None:
    [subject] = some(1)
    async with work.store.writing() as transaction:
        await work.jobs.later("note", subject, within=transaction)

    await work.drain()

    assert work.ran == [subject]


async def test_a_job_waits_for_its_time(work: Work) -> None:
    soon, later = some(2)
    await work.later(later, in_s=61)
    await work.later(soon, in_s=60)
    work.clock.tick(seconds=60)

    await work.drain()

    assert work.ran == [soon]


async def test_the_engine_wakes_by_itself_when_a_time_has_come(work: Work) -> None:
    [subject] = some(1)
    ran = asyncio.Event()
    work.acts[subject] = acting(ran.set)
    await work.later(subject, in_s=0.02)
    async with work.running():
        work.clock.tick(seconds=0.02)
        await ran.wait()

    assert work.ran == [subject]


async def test_what_is_enqueued_while_the_engine_runs_is_run(work: Work) -> None:
    first, second = some(2)
    work.acts[first] = lambda: work.later(second)
    async with work.running():
        await work.later(first)
        await work.until_idle()

    assert work.ran == [first, second]


async def test_jobs_of_a_lane_run_in_order_and_one_at_a_time(work: Work) -> None:
    subjects = some(8)
    at_once = Counted()
    for subject in subjects:
        work.acts[subject] = at_once.act
        await work.later(subject, lane="slack")

    await work.drain()

    assert work.ran == subjects
    assert at_once.most == 1


async def test_jobs_of_no_lane_run_beside_each_other(work: Work) -> None:
    gate = asyncio.Barrier(3)
    for subject in some(3):
        work.acts[subject] = passing(gate)
        await work.later(subject)

    await work.drain()

    assert len(work.ran) == 3


async def test_jobs_of_different_lanes_run_beside_each_other(work: Work) -> None:
    gate = asyncio.Barrier(2)
    for subject, lane in zip(some(2), ("slack", "mail"), strict=True):
        work.acts[subject] = passing(gate)
        await work.later(subject, lane=lane)

    await work.drain()

    assert len(work.ran) == 2


async def test_a_thousand_jobs_of_a_busy_lane_keep_nobody_else_waiting(work: Work) -> None:
    crowd, [urgent] = some(1000), some(1)
    gate = asyncio.Event()
    work.acts[crowd[0]] = acting_async(gate.wait)
    work.acts[urgent] = acting(gate.set)
    async with work.store.writing() as transaction:
        for subject in crowd:
            await work.jobs.later("note", subject, within=transaction, lane="slack")
    await work.later(urgent, lane="mail")

    async with work.running():
        await gate.wait()

    assert work.ran[:2] == [crowd[0], urgent]


async def test_jobs_of_one_subject_do_not_run_at_once(work: Work) -> None:
    [subject] = some(1)
    at_once = Counted()
    work.acts[subject] = at_once.act
    for _ in range(3):
        await work.later(subject)

    await work.drain()

    assert len(work.ran) == 3
    assert at_once.most == 1


async def test_so_many_jobs_of_a_kind_run_at_once_and_no_more(work: Work) -> None:
    at_once = Counted()
    for subject in some(3 * embedded.AT_ONCE):
        work.acts[subject] = at_once.act
        await work.later(subject)

    await work.drain()

    assert at_once.most == embedded.AT_ONCE


async def test_many_slow_jobs_of_a_kind_keep_no_other_kind_waiting(work: Work) -> None:
    crowd, [urgent] = some(5 * embedded.AT_ONCE), some(1)
    gate = asyncio.Event()
    for subject in crowd:
        work.acts[subject] = acting_async(gate.wait)
        await work.later(subject)
    await work.later(urgent, kind="urgent")

    running = asyncio.create_task(work.jobs.run({"note": work.note, "urgent": opening(gate)}, work.failed))
    await gate.wait()
    await work.until_idle()
    work.jobs.stop()
    await running

    assert len(work.ran) == len(crowd)


async def test_what_a_handler_raises_is_handed_over_and_the_job_is_over(work: Work) -> None:
    bad, good = some(2)
    work.acts[bad] = raising(ValueError("nobody foresaw this"))
    await work.later(bad)
    await work.later(good)

    await work.drain()

    assert work.failures == [("note", bad, "nobody foresaw this")]
    assert sorted(work.ran) == sorted([bad, good])


async def test_a_job_whose_failure_cannot_be_recorded_is_run_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "NAP_S", 0.01)
    [subject] = some(1)
    away = [Temporary("the database is away"), ValueError("nobody foresaw this")]
    work.acts[subject] = raising(Temporary("the database is away"))

    async def failed(_kind: str, _subject: UUID, error: Exception) -> None:
        if away:
            raise away.pop()
        work.failures.append(("note", subject, str(error)))

    running = asyncio.create_task(work.jobs.run({"note": work.note}, failed))
    await work.later(subject)
    await work.until_idle()
    work.jobs.stop()
    await running

    assert work.ran == [subject] * 3
    assert len(work.failures) == 1


async def test_a_job_of_a_kind_nobody_knows_stops_no_other(work: Work) -> None:
    """Another release may have left it; whatever it was about, the sweep finds."""
    [subject] = some(1)
    await work.later(uuid4(), kind="of-the-future")
    await work.later(subject)

    await work.drain()

    assert work.ran == [subject]


async def test_stopping_lets_what_was_begun_end_and_begins_nothing_new(work: Work) -> None:
    begun, waiting = some(2)
    started, gate = asyncio.Event(), asyncio.Event()
    ended: list[UUID] = []

    async def slow() -> None:
        started.set()
        await gate.wait()
        ended.append(begun)

    work.acts[begun] = slow
    running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await work.later(begun)
    await started.wait()
    work.jobs.stop()
    await work.later(waiting)
    gate.set()
    await running

    assert (ended, work.ran) == ([begun], [begun])
    assert (await work.jobs.backlog()).depth == 1


async def test_what_does_not_end_in_time_is_cancelled_and_runs_again_after_the_next_start(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "GRACE_S", 0.01)
    [subject] = some(1)
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    work.acts[subject] = endless
    await work.later(subject)
    async with work.running():
        await started.wait()
    del work.acts[subject]
    work.jobs = work.make(work.store, work.clock)
    await work.drain()

    assert work.ran == [subject, subject]
    assert work.failures == []


async def test_periodic_work_is_done_when_the_engine_starts_and_survives_an_exception(work: Work) -> None:
    enough = asyncio.Event()
    times = []

    async def tick() -> None:
        times.append(work.clock())
        if len(times) == 3:
            enough.set()
        raise ValueError("nobody foresaw this")

    work.jobs.every(0.001, tick)
    async with work.running():
        await enough.wait()

    assert len(times) >= 3


async def test_the_backlog_is_what_is_due_and_how_long_the_oldest_has_been(work: Work) -> None:
    for in_s in (0, 20, 90):
        await work.later(uuid4(), in_s=in_s)
    work.clock.tick(seconds=30)

    assert await work.jobs.backlog() == Backlog(depth=2, oldest_age_s=30)


async def test_the_engine_says_when_it_last_looked_for_work(work: Work) -> None:
    before = work.jobs.last_look_at
    await work.later(uuid4())

    await work.drain()

    assert (before, work.jobs.last_look_at) == (None, work.clock())


class Counted:
    """How many were in here at the same time, at most."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def act(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(50):  # let others in, if they may
            await asyncio.sleep(0)
        self.now -= 1


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


def raising(error: Exception) -> Callable[[], Awaitable[None]]:
    async def raised() -> None:
        raise error

    return raised


class Unreliable(JobRows):
    """The table of jobs in a database that is away whenever it is first asked for something."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.asked: set[str] = set()

    def stumble(self, what: str) -> None:
        if what not in self.asked:
            self.asked.add(what)
            raise Temporary("the database is away")

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        but_not: Collection[int] = (),
        busy_lanes: Collection[str] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        self.stumble("due")
        return await super().due(now, limit=limit, but_not=but_not, busy_lanes=busy_lanes, busy_kinds=busy_kinds)

    async def next_run_at(self, after: datetime) -> datetime | None:
        self.stumble("next_run_at")
        return await super().next_run_at(after)

    async def remove(self, ids: Collection[int]) -> None:
        self.stumble("remove")
        await super().remove(ids)


async def test_the_embedded_engine_outlives_a_database_that_is_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "NAP_S", 0.01)
    [subject] = some(1)
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    table = Unreliable(store)
    work = Work(store=store, clock=Clock(), make=lambda _, clock: EmbeddedJobs(table, clock=clock))
    await work.later(subject)

    await work.drain()
    await store.close()

    assert work.ran == [subject]
    assert table.asked == {"due", "next_run_at", "remove"}
