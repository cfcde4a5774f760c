"""Only the worker that has a job may end or requeue it: another may have been given it while the first was frozen."""

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from service.db.database import Store
from service.queue.claims import current_claim
from tests.support.databases import Database
from tests.support.queue_fixture import Work, engine_on, some, soon

pytestmark = pytest.mark.databases("postgres")
TAKEN_AWAY = "UPDATE procrastinate_jobs SET status = 'todo', worker_id = NULL, attempts = attempts + 1"


async def cut_off() -> None:
    """End as a job does that has no grace left."""
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    await asyncio.sleep(0)


async def end() -> None:
    """End as a job does whose work is done."""


@pytest.mark.long
@pytest.mark.parametrize("act", [end, cut_off])
async def test_job_that_was_given_to_another_worker_is_left_to_it(
    database: Database, work: Work, act: Callable[[], Awaitable[None]]
) -> None:
    [subject], frozen, thawed = some(1), asyncio.Event(), asyncio.Event()
    began_elsewhere, may_end = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        frozen.set()
        await soon(thawed)
        await act()

    async def run_elsewhere() -> None:
        began_elsewhere.set()
        await soon(may_end)

    work.acts[subject] = freeze
    await work.enqueue(subject, lane="slack")
    first = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await soon(frozen)
    work.jobs.stop()  # it fetches no other job; the one that it has may go on
    database.change(TAKEN_AWAY)
    store = Store(database.url)
    other = Work(store=store, clock=work.clock, make=engine_on(database), acts={subject: run_elsewhere})
    async with other.running():
        await soon(began_elsewhere)
        thawed.set()
        await first
        meanwhile = database.rows("SELECT status, attempts FROM procrastinate_jobs")
        may_end.set()
    await store.close()

    assert meanwhile == [("doing", 1)]
    assert other.ran == [subject]
    assert database.rows("SELECT id FROM procrastinate_jobs") == []


async def test_claim_is_held_until_the_job_is_taken_away(database: Database, work: Work) -> None:
    [subject], held = some(1), list[bool]()

    async def ask() -> None:
        work.acts.clear()  # the job runs again, and asks no more
        claim = current_claim()
        held.append(await work.store.write(claim))
        database.change(TAKEN_AWAY)
        held.append(await work.store.write(claim))

    work.acts[subject] = ask
    await work.enqueue(subject)

    await work.drain()

    assert held == [True, False]


@pytest.mark.parametrize("queue", ["send", "ask"])
async def test_own_fetch_gives_what_the_engine_s_would(database: Database, queue: str) -> None:
    """Held to Procrastinate 3.10: a newer one may choose jobs otherwise, and then ours has to follow."""
    database.change(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, scheduled_at, status, args) VALUES "
        "('send', 'do', 0, 'b', NULL, 'doing', '{}'), ('send', 'do', 5, 'b', NULL, 'todo', '{}'), "
        "('send', 'do', 0, 'a', NOW() + interval '1 day', 'todo', '{}'), ('send', 'do', 0, 'a', NULL, 'todo', '{}'), "
        "('send', 'do', 0, NULL, NOW() + interval '1 day', 'todo', '{}'), ('send', 'do', 0, NULL, NULL, 'todo', '{}'), "
        "('send', 'do', 1, 'c', NULL, 'todo', '{}'), ('send', 'do', 2, 'c', NULL, 'todo', '{}')"
    )
    worker = "(SELECT worker_id FROM procrastinate_register_worker_v1())"
    ours = f"SELECT id FROM roundsman_fetch_job_v1('{queue}', {worker})"  # noqa: S608 - words of the test
    theirs = f"SELECT id FROM procrastinate_fetch_job_v2(ARRAY['{queue}']::varchar[], {worker})"  # noqa: S608 - same

    assert [_tried(database, ours, times) for times in (1, 2, 3)] == [
        _tried(database, theirs, times) for times in (1, 2, 3)
    ]


def _tried(database: Database, fetch: str, times: int) -> list[object]:
    """Fetch so many times, and undo it."""
    with psycopg.connect(database.url) as connection:
        found = [connection.execute(fetch).fetchall() for _ in range(times)]
        connection.rollback()
    return list(found)
