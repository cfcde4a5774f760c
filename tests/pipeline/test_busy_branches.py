"""Several workers on one backlog: none waits for the branch that another has."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from service.pipeline.process import Batch
from service.pipeline.worker import RowWorker, WorkerLimits
from service.testing.fake_circleci.organization import SHOP_API, Run
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.waits import until

pytestmark = pytest.mark.databases("postgres")

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
NEVER_S = 600.0
LOOKS_ON_S = 0.5


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


async def test_event_of_a_busy_branch_is_left_as_it_was_without_a_wait(instance: Instance) -> None:
    async with another_at_work(instance):
        batch = await batch_of(instance, 100)
        left = instance.rows(
            "SELECT due_at, put_offs, failures FROM deliveries WHERE state = 'kept' AND reason IS NULL"
        )

    assert (batch.claimed, batch.busy, batch.left, batch.decided) == (1, 1, 1, [])
    assert left == [(None, 0, 0)] * 2
    assert len((await batch_of(instance, 100)).decided) == 1
    assert instance.rows("SELECT transition FROM runs ORDER BY pipeline_number") == [
        ("broke",),
        ("still_broken",),
        ("still_broken",),
    ]


@pytest.mark.parametrize(
    "other",
    [replace(RED, number=9, branch="feature"), replace(RED, number=9, project=SHOP_API)],
    ids=["branch", "project"],
)
async def test_event_of_another_branch_is_decided_on_meanwhile(instance: Instance, other: Run) -> None:
    async with another_at_work(instance):
        delivery = await instance.finish(other)
        batch = await batch_of(instance, 100)

    assert (batch.claimed, batch.busy) == (2, 1)
    assert [str(one.event.id) for one in batch.decided] == [delivery]


async def test_worker_takes_few_to_find_out_whether_a_branch_is_busy_still(instance: Instance) -> None:
    service = instance.service
    worker = RowWorker(service.pipeline, committer=service.committer, limits=WorkerLimits(burst_batch=1, grace=0))

    with capture_logs() as logs:
        async with another_at_work(instance):
            await finish(instance, replace(RED, number=RED.number + 3))
            assert await worker.decide_due()
            assert await worker.decide_due()
        while await worker.decide_due():
            pass

    looks = [(len(one["deliveries"]), one["busy"]) for one in logs if one["event"] == "decided"]
    assert looks == [(0, 2), (0, 1), (1, 0), (1, 0)]


@pytest.mark.long
async def test_worker_looks_at_a_busy_branch_again_when_it_polls_and_no_sooner(instance: Instance) -> None:
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
    await until(instance, lambda: not instance.rows("SELECT 1 FROM deliveries WHERE state = 'kept'"))
    worker.stop()
    await working

    assert looked == 1
