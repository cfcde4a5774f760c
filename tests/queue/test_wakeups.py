"""Wake-ups between processes, on a real Postgres: sent after commits, few, and again after a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from service.queue.wakeups import WakeUps
from tests.databases import Database

pytestmark = pytest.mark.databases("postgres")

END_LISTENERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()"
)


class Heard:
    """A process that listens, and the number of wake-ups that it heard."""

    def __init__(self) -> None:
        self.count = 0
        self._came = asyncio.Event()

    def wake(self) -> None:
        self.count += 1
        self._came.set()

    async def next(self) -> None:
        """Wait for a wake-up after this moment."""
        self._came.clear()
        async with asyncio.timeout(30):
            await self._came.wait()


@asynccontextmanager
async def listening(wake_ups: WakeUps) -> AsyncIterator[Heard]:
    heard = Heard()
    tasks = [asyncio.create_task(wake_ups.run_listener(heard.wake)), asyncio.create_task(wake_ups.run_sender())]
    try:
        await heard.next()  # the first comes with the connection
        yield heard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_wake_up_reaches_a_listener(database: Database) -> None:
    wake_ups = WakeUps(database.url)
    async with listening(wake_ups) as heard:
        wake_ups.send()
        await heard.next()

    assert heard.count == 2


async def test_many_wake_ups_at_once_are_one(database: Database) -> None:
    wake_ups = WakeUps(database.url, pause_s=0)
    async with listening(wake_ups) as heard:
        for _ in range(100):
            wake_ups.send()
        await heard.next()
        wake_ups.send()
        await heard.next()

    assert heard.count == 3


async def test_listener_that_lost_its_connection_listens_again_and_looks_at_once(database: Database) -> None:
    wake_ups = WakeUps(database.url, retry_s=0)
    async with listening(wake_ups) as heard:
        with psycopg.connect(database.url, autocommit=True) as other:
            other.execute(END_LISTENERS)
        await heard.next()
        wake_ups.send()
        await heard.next()

    assert heard.count == 3
