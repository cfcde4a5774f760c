"""Runs that fail the same tests share rows: what one has learned is committed before it waits for a lane."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psycopg
import pytest

from service.model import FetchPurpose
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.waits import until

pytestmark = pytest.mark.databases("postgres")

LANES = "SELECT DISTINCT coalesce(server_lane, channel_key) FROM notifications"
WAITING = (
    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
    "AND query LIKE '%%pg_advisory_xact_lock%%'"
)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as one:
        yield one


@contextmanager
def held(instance: Instance, lane: str) -> Iterator[None]:
    """Hold a lane, as a worker does that begins a send in it."""
    with psycopg.connect(instance.database.url.replace("+psycopg", "")) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lane])
        yield
        connection.rollback()


@asynccontextmanager
async def waiting_fetch(instance: Instance) -> AsyncIterator[asyncio.Task[None]]:
    """Yield the fetch of a red run's details, which waits for the lane of its message as long as the block runs."""
    delivery = await instance.finish(RED)
    await instance.process()
    [(lane,)] = instance.rows(LANES)
    with held(instance, lane):
        fetching = asyncio.create_task(instance.fetch(delivery, FetchPurpose.MESSAGE))
        await until(instance, lambda: bool(instance.rows(WAITING)))
        yield fetching


async def test_tests_of_a_run_are_on_record_while_it_waits_for_its_lane(instance: Instance) -> None:
    async with waiting_fetch(instance) as fetching:
        recorded = instance.rows("SELECT count(*) FROM test_results WHERE failed")
    await fetching
    await instance.drain()

    assert recorded == [(3,)]
    assert instance.channels.told == ["web (json)"]


async def test_cut_connection_to_a_lane_means_another_fetch_that_asks_for_nothing(instance: Instance) -> None:
    async with waiting_fetch(instance) as fetching:
        instance.rows(WAITING.replace("SELECT 1", "SELECT pg_terminate_backend(pid)"))
        await fetching
    asked = len(instance.pretend.calls)
    assert instance.fetches() == [FetchPurpose.MESSAGE]
    await instance.drain(seconds=5)

    assert "3 of 214 tests failed" in instance.channels.took[0][1].text
    assert len(instance.pretend.calls) == asked
