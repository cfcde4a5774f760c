"""No transaction of ours sends a NOTIFY: all commits would go one by one. Workers are woken after the commit."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import psycopg
import pytest

from service.db.database import Store
from service.db.migrate import migrate
from service.db.tables import Transaction
from service.db.transactions import call_after_commit
from service.model import LaneHead
from service.queue.procrastinate import ProcrastinateQueue, WorkerTimings
from service.queue.wakeups import JOBS, WakeUps
from tests.support import postgres
from tests.support.app_fixture import SETTLED_WITHIN_S, Clock, nothing
from tests.support.databases import Database, Postgres
from tests.support.postgres import Server
from tests.support.queue_fixture import Work, acting, engine_on, some, soon

pytestmark = pytest.mark.databases("postgres")

NEVER_POLLS = WorkerTimings(poll=10 * SETTLED_WITHIN_S)
LOCK_IS_HELD = """
SELECT 1 FROM pg_locks
WHERE locktype = 'object' AND database = 0 AND classid = 'pg_database'::regclass AND objid = 0 AND granted
"""  # what Postgres locks from a NOTIFY to the end of its commit: "database 0"


@pytest.fixture
def stuck_server() -> Iterator[Server]:
    """A server whose commits wait for a standby that never comes, if they wait at all."""
    with postgres.running((*postgres.FASTER, "synchronous_standby_names=nobody")) as server:
        yield server


@contextmanager
def notify_under_way(url: str) -> Iterator[None]:
    """Another session whose commit of a NOTIFY does not come to its end while the block runs."""
    with (
        psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on") as notifying,
        psycopg.connect(url, autocommit=True) as other,
    ):
        # without a write, no commit waits for a standby
        stuck = threading.Thread(target=notifying.execute, args=["CREATE TABLE written (); NOTIFY somebody"])
        stuck.start()
        try:
            while not other.execute(LOCK_IS_HELD).fetchall():
                assert stuck.is_alive()
            yield
            assert other.execute(LOCK_IS_HELD).fetchall()
        finally:
            other.execute("SELECT pg_cancel_backend(%s)", (notifying.info.backend_pid,))
            stuck.join()


@pytest.mark.long
async def test_jobs_are_enqueued_and_ended_while_another_notify_is_under_way(stuck_server: Server) -> None:
    database = Postgres(stuck_server.new_database())
    await asyncio.to_thread(migrate, database.url)
    work, subjects = Work(store=Store(database.url), clock=Clock(), make=engine_on(database)), some(3)
    with notify_under_way(database.url):
        for subject in subjects:
            await work.enqueue(subject, lane="slack")
        await work.drain()
    await work.store.close()

    assert work.ran == subjects


@asynccontextmanager
async def elsewhere(database: Database, work: Work) -> AsyncIterator[Work]:
    """Another process, which enqueues and wakes others."""
    store, wake_ups = Store(database.url), WakeUps(database.url)
    other = Work(store=store, clock=work.clock, make=engine_on(database))
    assert isinstance(other.jobs, ProcrastinateQueue)
    other.jobs.on_new_jobs(partial(wake_ups.send, JOBS))
    sender = asyncio.create_task(wake_ups.run_sender())
    try:
        yield other
    finally:
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        await store.close()


async def test_job_of_another_process_begins_without_a_poll(database: Database, work: Work) -> None:
    work.jobs = engine_on(database, NEVER_POLLS)(work.store, work.clock)
    [first, second], ran = some(2), [asyncio.Event(), asyncio.Event()]
    work.acts |= {first: acting(ran[0].set), second: acting(ran[1].set)}
    listening, woken = WakeUps(database.url), asyncio.Event()

    def wake() -> None:
        work.jobs.wake()
        woken.set()

    async with work.running(), elsewhere(database, work) as other:
        await work.enqueue(first)  # its process wakes itself
        await soon(ran[0])
        listener = asyncio.create_task(listening.run_listener({JOBS: wake}))
        await soon(woken)
        await other.enqueue(second)
        await soon(ran[1])
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    assert work.ran == [first, second]


async def test_next_job_of_a_lane_begins_without_a_poll(database: Database, work: Work) -> None:
    work.jobs = engine_on(database, NEVER_POLLS)(work.store, work.clock)
    subjects, ended = some(5), asyncio.Event()
    work.acts[subjects[-1]] = acting(ended.set)
    async with work.running():
        for subject in subjects:
            await work.enqueue(subject, lane="slack")
        await soon(ended)

    assert work.ran == subjects


async def test_job_behind_one_that_runs_in_its_lane_wakes_no_worker(work: Work) -> None:
    assert isinstance(work.jobs, ProcrastinateQueue)
    [first, second], woken, woken_by_head = some(2), list[str](), list[int]()
    work.jobs.on_new_jobs(lambda: woken.append("woken"))

    async def set_head() -> None:
        before = len(woken)
        head = LaneHead(subject_id=second, due_at=work.clock())
        await work.store.write(lambda transaction: work.jobs.set_head("slack", "note", head, within=transaction))
        woken_by_head.append(len(woken) - before)

    work.acts[first] = set_head
    await work.enqueue(first, lane="slack")
    await work.drain()

    assert (work.ran, woken_by_head) == ([first, second], [0])


@pytest.mark.databases("sqlite", "postgres")
async def test_call_after_commit_comes_once_and_not_after_a_rollback(work: Work) -> None:
    called = list[str]()

    def call() -> None:
        called.append("called")

    def fail(transaction: Transaction) -> None:
        call_after_commit(transaction, call)
        raise ValueError("no")

    def succeed(transaction: Transaction) -> list[str]:
        call_after_commit(transaction, call)
        call_after_commit(transaction, call)
        return list(called)

    with pytest.raises(ValueError, match="no"):
        await work.store.write(fail)
    await work.store.write(nothing)
    before = await work.store.write(succeed)

    assert (before, called) == ([], ["called"])
