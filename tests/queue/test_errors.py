"""What every job engine promises when something goes wrong, or when it has to stop."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from service.db.database import Store
from service.errors import Temporary
from service.model import QueuedJob
from service.queue import embedded, procrastinate
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from service.queue.grace import Grace
from tests.support.app_fixture import SETTLED_WITHIN_S, Clock, a_moment
from tests.support.databases import Database, Postgres
from tests.support.queue_fixture import Work, acting, engine_on, raising, some, soon

pytestmark = pytest.mark.databases("sqlite", "postgres")
FETCHING = """SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ~ 'roundsman_fetch_job'"""


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
        done: Collection[int] = (),
        begun: Collection[QueuedJob] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        self.stumble("due")
        return await super().due(now, limit=limit, done=done, begun=begun, busy_kinds=busy_kinds)

    async def next_run_at(self, after: datetime) -> datetime | None:
        self.stumble("next_run_at")
        return await super().next_run_at(after)

    async def remove(self, ids: Collection[int]) -> None:
        self.stumble("remove")
        await super().remove(ids)


class StoppedWhileRead(JobRows):
    """The table of jobs; its engine is stopped while it reads which ones are due."""

    stop: Callable[[], None]

    async def due(
        self,
        now: datetime,
        *,
        limit: int,
        done: Collection[int] = (),
        begun: Collection[QueuedJob] = (),
        busy_kinds: Collection[str] = (),
    ) -> Sequence[QueuedJob]:
        self.stop()
        return await super().due(now, limit=limit, done=done, begun=begun, busy_kinds=busy_kinds)


async def test_what_a_handler_raises_is_handed_over_and_the_job_is_over(work: Work) -> None:
    bad, good = some(2)
    work.acts[bad] = raising(ValueError("nobody foresaw this"))
    await work.enqueue(bad)
    await work.enqueue(good)

    await work.drain()

    assert work.failures == [("note", bad, "nobody foresaw this")]
    assert sorted(work.ran) == sorted([bad, good])


async def test_a_job_whose_failure_cannot_be_recorded_is_run_again(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    for engine in (embedded, procrastinate):
        monkeypatch.setattr(engine, "IDLE_POLL_S", 0.01)
    [subject] = some(1)
    away = [Temporary("the database is away"), ValueError("nobody foresaw this")]
    work.acts[subject] = raising(Temporary("the database is away"))

    async def failed(_kind: str, _subject: UUID, error: Exception) -> None:
        if away:
            raise away.pop()
        work.failures.append(("note", subject, str(error)))

    running = asyncio.create_task(work.jobs.run({"note": work.note}, failed))
    await work.enqueue(subject)
    await work.until_idle()
    work.jobs.stop()
    await running

    assert work.ran == [subject] * 3
    assert len(work.failures) == 1


async def test_work_that_is_cut_off_from_within_takes_nobody_s_room(work: Work) -> None:
    """A library may cancel what we wait for: that is a failure like any other, however many there are."""
    crowd, [good] = some(embedded.MAX_CONCURRENT), some(1)
    for subject in crowd:
        work.acts[subject] = raising(asyncio.CancelledError())
        await work.enqueue(subject)
    await work.enqueue(good)

    await work.drain()

    assert sorted(work.failures) == sorted(("note", subject, "it was cut off from within") for subject in crowd)
    assert good in work.ran


async def test_a_job_of_a_kind_nobody_knows_stops_no_other(work: Work) -> None:
    """Another release may have left it; whatever it was about, the sweep finds."""
    [subject] = some(1)
    ran = asyncio.Event()
    work.acts[subject] = acting(ran.set)
    await work.enqueue(uuid4(), kind="of-the-future")
    await work.enqueue(subject)

    async with work.running():
        await soon(ran)

    assert work.ran == [subject]


async def test_stopping_lets_what_was_begun_end_and_begins_nothing_new(work: Work) -> None:
    begun, waiting = some(2)
    started, gate = asyncio.Event(), asyncio.Event()
    ended: list[UUID] = []

    async def slow() -> None:
        started.set()
        await soon(gate)
        ended.append(begun)

    work.acts[begun] = slow
    running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await work.enqueue(begun)
    await soon(started)
    work.jobs.stop()
    await work.enqueue(waiting)
    gate.set()
    await running

    assert (ended, work.ran) == ([begun], [begun])
    assert (await work.jobs.backlog()).depth == 1


@pytest.mark.databases("sqlite")
async def test_job_that_is_read_while_the_engine_stops_is_not_begun(work: Work) -> None:
    table = StoppedWhileRead(work.store)
    work.jobs = EmbeddedQueue(table, clock=work.clock)
    table.stop = work.jobs.stop
    await work.enqueue(uuid4())

    await work.jobs.run({"note": work.note}, work.failed)

    assert work.ran == []
    assert (await work.jobs.backlog()).depth == 1


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_job_that_is_fetched_while_the_engine_stops_is_not_begun(work: Work, database: Database) -> None:
    await work.enqueue(uuid4())
    with Postgres(database.url).engine_locked():
        running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while not database.rows(FETCHING):
                await a_moment()
        work.jobs.stop()
    await running

    assert work.ran == []
    assert (await work.jobs.backlog()).depth == 1


async def test_what_does_not_end_in_time_is_cancelled_and_runs_again_after_the_next_start(
    database: Database, work: Work
) -> None:
    work.jobs = engine_on(database, grace=Grace(others_s=0.01))(work.store, work.clock)
    [subject] = some(1)
    started = asyncio.Event()

    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    work.acts[subject] = endless
    await work.enqueue(subject)
    async with work.running():
        await soon(started)
    del work.acts[subject]
    work.jobs = work.make(work.store, work.clock)
    await work.drain()

    assert work.ran == [subject, subject]
    assert work.failures == []


@pytest.mark.parametrize("trouble", [ValueError("nobody foresaw this"), asyncio.CancelledError()])
async def test_periodic_work_is_done_when_the_engine_starts_and_survives_an_exception(
    work: Work, trouble: BaseException
) -> None:
    enough = asyncio.Event()
    times = []

    async def tick() -> None:
        times.append(work.clock())
        work.clock.tick(seconds=1)  # a turn is one of this clock
        if len(times) == 3:
            enough.set()
        raise trouble

    work.jobs.schedule(0.001, tick)
    async with work.running():
        await soon(enough)

    assert len(times) >= 3


@pytest.mark.databases("sqlite")
async def test_the_embedded_engine_outlives_a_database_that_is_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "IDLE_POLL_S", 0.01)
    [subject] = some(1)
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    table = Unreliable(store)
    work = Work(store=store, clock=Clock(), make=lambda _, clock: EmbeddedQueue(table, clock=clock))
    await work.enqueue(subject)

    await work.drain()
    await store.close()

    assert work.ran == [subject]
    assert table.asked == {"due", "next_run_at", "remove"}
