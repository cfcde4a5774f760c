"""The time that running jobs get when the engine stops: by kind, on both engines."""

import asyncio
from dataclasses import replace

import pytest

from service.queue.grace import Grace
from tests.support.app_fixture import SETTLED_WITHIN_S, a_moment
from tests.support.databases import Database
from tests.support.queue_fixture import HASTY, Work, engine_on, some, soon

pytestmark = pytest.mark.databases("sqlite", "postgres")
SOON_CUT_OFF_S = 0.05


async def test_kind_with_a_longer_grace_ends_while_others_are_cut_off(database: Database, work: Work) -> None:
    grace = Grace(by_kind={"note": SETTLED_WITHIN_S}, others_s=SOON_CUT_OFF_S)
    work.jobs = engine_on(database, grace=grace)(work.store, work.clock)
    both_run, cut_off, may_end, ended = asyncio.Barrier(3), asyncio.Event(), asyncio.Event(), asyncio.Event()
    [slow, endless] = some(2)

    async def run_slowly() -> None:
        await both_run.wait()
        await soon(may_end)
        ended.set()

    async def run_endlessly() -> None:
        await both_run.wait()
        try:
            await asyncio.Event().wait()
        finally:
            cut_off.set()

    work.acts = {slow: run_slowly, endless: run_endlessly}
    await work.enqueue(slow)
    await work.enqueue(endless, kind="other")
    running = asyncio.create_task(work.jobs.run({"note": work.note, "other": work.note}, work.failed))
    await both_run.wait()
    work.jobs.stop()
    await soon(cut_off)
    has_ended_before = ended.is_set()
    may_end.set()
    await running

    assert (has_ended_before, ended.is_set()) == (False, True)
    assert (await work.jobs.backlog()).depth == 1  # the one that was cut off runs again
    assert work.failures == []


async def test_idle_engine_stops_without_using_its_grace(database: Database, work: Work) -> None:
    work.jobs = engine_on(database, grace=Grace(others_s=10 * SETTLED_WITHIN_S))(work.store, work.clock)

    async with asyncio.timeout(SETTLED_WITHIN_S):
        await work.drain()


@pytest.mark.databases("postgres")
async def test_stopping_worker_keeps_its_heartbeat_until_its_jobs_end(database: Database, work: Work) -> None:
    """Without it, another worker would be given a job that is still running."""
    timings = replace(HASTY, heartbeat=0.05)
    grace = Grace(others_s=SETTLED_WITHIN_S)
    work.jobs = engine_on(database, timings, grace)(work.store, work.clock)
    [subject], started, may_end = some(1), asyncio.Event(), asyncio.Event()

    async def run_slowly() -> None:
        started.set()
        await soon(may_end)

    work.acts[subject] = run_slowly
    await work.enqueue(subject)
    running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await soon(started)
    work.jobs.stop()
    for _ in range(3):
        work.clock.tick(seconds=1)
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while _heartbeats(database) != [(work.clock(),)]:
                await a_moment()
    may_end.set()
    await running

    assert database.rows("SELECT id FROM procrastinate_jobs") == []
    assert database.rows("SELECT id FROM procrastinate_workers") == []


def _heartbeats(database: Database) -> list[tuple[object]]:
    running = "SELECT worker_id FROM procrastinate_jobs WHERE status = 'doing'"
    return database.rows(f"SELECT last_heartbeat FROM procrastinate_workers WHERE id IN ({running})")  # noqa: S608


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_periodic_work_under_way_ends_before_the_engine_does(
    database: Database, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    started, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def prune_slowly() -> None:
        started.set()
        await soon(may_end)
        await work.jobs.backlog()  # the store is still open
        ended.set()

    work.jobs.schedule(3600, prune_slowly)
    running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await soon(started)
    work.jobs.stop()
    asyncio.get_running_loop().call_later(1.5, may_end.set)
    await running

    assert ended.is_set()
    assert database.rows("SELECT id FROM procrastinate_jobs") == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.databases("postgres")
async def test_periodic_work_that_is_cut_off_leaves_no_job_behind(
    database: Database, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    work.jobs = engine_on(database, grace=Grace(others_s=SOON_CUT_OFF_S))(work.store, work.clock)
    started = asyncio.Event()

    async def prune_endlessly() -> None:
        started.set()
        await asyncio.Event().wait()

    work.jobs.schedule(3600, prune_endlessly)
    running = asyncio.create_task(work.jobs.run({"note": work.note}, work.failed))
    await soon(started)
    work.jobs.stop()
    await running

    assert database.rows("SELECT id FROM procrastinate_jobs") == []
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
