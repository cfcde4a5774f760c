"""What only the engine of many processes promises: who takes over from whom, and what a lost connection costs."""

import asyncio
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from service.clock import now_utc
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.queue.procrastinate import WorkerTimings
from tests.support.databases import Database, Postgres
from tests.support.queue_fixture import Counted, Work, acting, acting_async, engine_on, some, soon

pytestmark = pytest.mark.databases("postgres")
WATCHFUL = WorkerTimings(heartbeat=0.1, look=0.1, poll=0.05)


@asynccontextmanager
async def workers(database: Database, work: Work, count: int = 2) -> AsyncIterator[None]:
    """Several engines at work on one database, all of which write to one notebook."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            store = Store(database.url)
            stack.push_async_callback(store.close)
            another = Work(store=store, clock=work.clock, make=engine_on(database))
            another.ran, another.acts = work.ran, work.acts
            await stack.enter_async_context(another.running())
        yield


async def close_lane(work: Work, lane: str, *, s: float) -> None:
    until = work.clock() + timedelta(seconds=s)
    await work.store.write(lambda transaction: work.jobs.pause_lane(lane, within=transaction, until=until))


@pytest.fixture
def watchful(database: Database, work: Work) -> Work:
    """An engine that looks for dead workers all the time."""
    work.jobs = engine_on(database, WATCHFUL)(work.store, work.clock)
    return work


@pytest.mark.long
async def test_a_lane_keeps_its_order_and_runs_one_at_a_time_across_workers(database: Database, work: Work) -> None:
    subjects, at_once = some(30), Counted()
    for subject in subjects:
        work.acts[subject] = at_once.act
        await work.enqueue(subject, lane="slack")

    async with workers(database, work):
        await work.until_idle()

    assert work.ran == subjects
    assert at_once.most == 1


@pytest.mark.long
async def test_of_many_jobs_each_runs_once_however_many_workers_there_are(database: Database, work: Work) -> None:
    subjects = some(200)
    await work.store.write_first(lambda transaction: work.jobs.enqueue_many("note", subjects, within=transaction))

    async with workers(database, work, 3):
        await work.until_idle()

    assert sorted(work.ran) == sorted(subjects)


async def test_what_is_done_leaves_no_row(database: Database, work: Work) -> None:
    await work.enqueue(uuid4(), lane="slack")
    await work.enqueue(uuid4(), in_s=5, lane="slack")
    work.clock.tick(seconds=5)

    await work.drain()

    assert len(work.ran) == 2
    assert database.rows("SELECT id FROM procrastinate_jobs") == []
    assert database.rows("SELECT id FROM procrastinate_events") == []
    assert database.rows("SELECT id FROM procrastinate_workers") == []


@pytest.mark.long
async def test_a_turn_of_periodic_work_comes_once_however_many_workers_there_are(
    database: Database, work: Work
) -> None:
    turn_s, runs, enough = 0.3, list[int](), asyncio.Event()

    async def look() -> None:
        runs.append(int(time.time() // turn_s))
        if len(runs) == 6:
            enough.set()

    stores = [Store(database.url) for _ in range(3)]
    engines = [engine_on(database)(store, now_utc) for store in stores]
    for engine in engines:
        engine.schedule(turn_s, look)
    first = int(time.time() // turn_s)
    running = [asyncio.create_task(engine.run({}, work.failed)) for engine in engines]
    await soon(enough)
    for engine in engines:
        engine.stop()
    await asyncio.gather(*running, *(store.close() for store in stores))

    assert runs == sorted(runs)
    assert len(runs) <= runs[-1] - first + 1


@pytest.mark.long
async def test_the_job_of_a_worker_that_was_killed_runs_elsewhere(database: Database, watchful: Work) -> None:
    [subject], ran = some(1), asyncio.Event()
    watchful.acts[subject] = acting(ran.set)
    await watchful.enqueue(subject, lane="slack")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.crash_child", database.url, stdout=PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begun\n"
    process.kill()
    await process.wait()

    watchful.clock.tick(seconds=WATCHFUL.dead_after + 1)
    async with watchful.running():
        await soon(ran)

    assert watchful.ran == [subject]


def test_a_dead_worker_s_job_runs_elsewhere_within_a_minute() -> None:
    by_default = WorkerTimings()

    assert by_default.dead_after + 2 * by_default.look + by_default.poll < 60
    assert by_default.dead_after > 4 * by_default.heartbeat


@pytest.mark.long
async def test_a_job_whose_end_the_database_never_heard_of_does_not_block_its_lane(
    database: Database, watchful: Work
) -> None:
    """A connection is lost for a moment, when the job's row should go: the worker lives on, and nobody is dead."""
    first, second = some(2)
    ran = asyncio.Event()

    async def lose_it() -> None:
        del watchful.acts[first]
        loop, change = asyncio.get_running_loop(), database.change
        await asyncio.to_thread(change, "ALTER TABLE procrastinate_jobs RENAME TO procrastinate_jobs_away")
        loop.call_later(0.3, change, "ALTER TABLE procrastinate_jobs_away RENAME TO procrastinate_jobs")

    watchful.acts |= {first: lose_it, second: acting(ran.set)}
    await watchful.enqueue(first, lane="slack")
    await watchful.enqueue(second, lane="slack")

    async with watchful.running():
        await soon(ran)

    assert watchful.ran == [first, first, second]


@pytest.mark.long
async def test_a_worker_that_others_took_for_dead_registers_anew(database: Database, watchful: Work) -> None:
    ran = asyncio.Event()
    one, another = some(2)
    watchful.acts[another] = acting(ran.set)
    async with watchful.running():
        await watchful.enqueue(one)
        await watchful.until_idle()
        database.change("DELETE FROM procrastinate_workers")
        await watchful.enqueue(another)
        await soon(ran)

    assert watchful.ran == [one, another]


@pytest.mark.long
async def test_a_job_is_not_taken_from_a_worker_that_lives(database: Database, watchful: Work) -> None:
    """Not even when the database's clock jumps, and all heartbeats are long ago."""
    [subject], begun, gate = some(1), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        begun.set()
        await gate.wait()

    watchful.acts[subject] = hold
    await watchful.enqueue(subject, lane="slack")
    async with watchful.running():
        await soon(begun)
        for _ in range(5):
            watchful.clock.tick(seconds=1)
            await asyncio.sleep(0.1)
        gate.set()
        await watchful.until_idle()

    assert watchful.ran == [subject]


@pytest.mark.long
async def test_all_connections_may_be_lost_at_once(database: Database, work: Work) -> None:
    before, after = some(2)
    ran = asyncio.Event()
    work.acts[after] = acting(ran.set)
    async with work.running():
        await work.enqueue(before)
        await work.until_idle()
        database.change(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = ?",
            database.url.rpartition("/")[2],
        )
        await work.enqueue(after)
        await soon(ran)

    assert work.ran == [before, after]


async def test_a_lane_does_not_wait_for_a_poll(database: Database, work: Work) -> None:
    """Every job would take as long as a poll, if its worker had to find it by itself."""
    work.jobs = engine_on(database, WorkerTimings(poll=3))(work.store, work.clock)
    for subject in some(20):
        await work.enqueue(subject, lane="slack")

    await work.drain()

    assert len(work.ran) == 20


@pytest.mark.long
async def test_a_lane_s_pace_does_not_wait_for_a_poll_either(database: Database, work: Work) -> None:
    work.jobs = engine_on(database, WorkerTimings(poll=3))(work.store, work.clock)
    subjects, ended = some(20), asyncio.Event()
    for subject in subjects:
        work.acts[subject] = acting_async(lambda: close_lane(work, "slack", s=0.01))
        await work.enqueue(subject, lane="slack")
    work.acts[subjects[-1]] = acting(ended.set)

    async with work.running():
        await soon(ended)

    assert work.ran == subjects


async def test_what_cannot_be_enqueued_is_trouble_of_the_database(database: Database, work: Work) -> None:
    def enqueue(transaction: Transaction) -> None:
        transaction.exec_driver_sql("SET LOCAL lock_timeout = 1")
        work.jobs.enqueue("note", uuid4(), within=transaction)

    with Postgres(database.url).engine_locked(), pytest.raises(Temporary, match="cannot be written now"):
        await work.store.write(enqueue)


async def test_a_heartbeat_is_told_by_the_clock_of_who_asks(database: Database, work: Work) -> None:
    gate = asyncio.Event()
    [subject] = some(1)
    work.acts[subject] = acting_async(gate.wait)
    await work.enqueue(subject)
    async with work.running():
        while not work.ran:  # noqa: ASYNC110 - the job is begun elsewhere
            await asyncio.sleep(0.01)
        work.clock.now += timedelta(days=1)  # the database's does not move
        seen = await work.jobs.last_heartbeat()
        gate.set()

    assert seen == work.clock()


async def test_backlog_ages_by_the_database_s_clock(work: Work) -> None:
    await work.enqueue(uuid4())
    work.clock.now -= timedelta(days=1)

    assert (await work.jobs.backlog()).oldest_age_s == 0


@pytest.mark.long
async def test_a_worker_that_is_asked_to_end_while_it_starts_ends(database: Database, work: Work) -> None:
    for nth in range(20):
        engine = engine_on(database)(work.store, work.clock)
        running = asyncio.create_task(engine.run({}, work.failed))
        await asyncio.sleep(nth % 5 * 0.001)
        engine.stop()
        async with asyncio.timeout(120):
            await running
