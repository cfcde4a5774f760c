"""Several workers on one backlog: one decides at a time, and none waits for it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from service.pipeline.process import Batch
from service.pipeline.worker import RowWorker, WorkerLimits
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.waits import until

pytestmark = pytest.mark.databases("postgres")

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NEVER_S = 600.0
LOOKS_ON_S = 0.5
RUNS = 24
KEPT = "SELECT 1 FROM deliveries WHERE state = 'kept'"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as one:
        yield one


@contextmanager
def held_track(instance: Instance) -> Iterator[None]:
    """Hold the row of the only track: who judges its runs waits."""
    with psycopg.connect(instance.database.url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT 1 FROM tracks FOR UPDATE")
        yield
        connection.rollback()


async def batch_of(instance: Instance, limit: int) -> Batch:
    return await instance.service.pipeline.process(limit=limit)


@asynccontextmanager
async def another_at_work(instance: Instance) -> AsyncIterator[None]:
    """Have another worker decide on the second of three runs of a branch."""
    await finish(instance, RED)
    await instance.process()
    await finish(instance, *(replace(RED, number=RED.number + later) for later in (1, 2)))
    with held_track(instance):
        other = asyncio.create_task(batch_of(instance, 1))
        await until(instance, lambda: bool(instance.rows(WAITING)))
        yield
    assert len((await other).decided) == 1


async def finish(instance: Instance, *ended: Run) -> None:
    for run in ended:
        await instance.finish(run)


async def test_worker_claims_nothing_and_does_not_wait_while_another_decides(instance: Instance) -> None:
    async with another_at_work(instance):
        elsewhere = await instance.finish(replace(RED, number=9, branch="feature"))
        batch = await batch_of(instance, 100)

    assert (batch.claimed, batch.left, batch.decided) == (0, 0, [])
    assert instance.rows("SELECT put_offs, failures, due_at FROM deliveries WHERE state = 'kept'") == [(0, 0, None)] * 2
    left = await batch_of(instance, 100)
    assert len(left.decided) == 2
    assert elsewhere in {str(one.event.id) for one in left.decided}


async def test_runs_of_a_branch_are_judged_in_their_order_by_any_number_of_workers(instance: Instance) -> None:
    for number in range(10, 10 + RUNS):
        await instance.finish(replace(RED if number % 2 else GREEN, number=number))

    async def work(limit: int) -> None:
        while instance.rows(KEPT):
            await batch_of(instance, limit)

    await asyncio.gather(*map(work, (1, 2, 3, 5)))

    judged = instance.rows("SELECT transition, is_late FROM runs ORDER BY pipeline_number")
    assert judged[1:] == [("broke" if number % 2 else "fixed", False) for number in range(11, 10 + RUNS)]


@pytest.mark.long
async def test_worker_looks_again_when_it_polls_and_no_sooner(instance: Instance) -> None:
    service, registry = instance.service, instance.service.context.metrics.registry
    worker = RowWorker(service.pipeline, committer=service.committer, limits=WorkerLimits(poll=NEVER_S, grace=0))

    def looks() -> float:
        return registry.get_sample_value("roundsman_job_seconds_count", {"kind": "decide", "outcome": "done"}) or 0

    async with another_at_work(instance):
        working = asyncio.create_task(worker.run())
        await until(instance, lambda: looks() > 0)
        await asyncio.sleep(LOOKS_ON_S)
        looked = looks()
    worker.wake()
    await until(instance, lambda: not instance.rows(KEPT))
    worker.stop()
    await working

    assert looked == 1
