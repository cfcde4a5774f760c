"""Wake-ups between processes, on a real Postgres: sent after commits, few, and again after a lost connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from service.queue.wakeups import DELIVERIES, JOBS, WakeUps
from tests.support.databases import Database

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
    works = (wake_ups.run_listener({DELIVERIES: heard.wake}), wake_ups.run_sender())
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await heard.next()  # the first comes with the connection
        yield heard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.long
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


async def test_wake_up_reaches_only_those_who_listen_to_its_channel(database: Database) -> None:
    wake_ups, jobs = WakeUps(database.url, pause_s=0), Heard()
    async with listening(wake_ups) as heard:
        listener = asyncio.create_task(WakeUps(database.url).run_listener({JOBS: jobs.wake}))
        await jobs.next()  # the first comes with the connection
        wake_ups.send(JOBS)
        await jobs.next()
        wake_ups.send()
        await heard.next()
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    assert (heard.count, jobs.count) == (2, 2)


async def test_wake_up_from_a_thread_reaches_a_listener(database: Database) -> None:
    wake_ups = WakeUps(database.url)
    async with listening(wake_ups) as heard:
        coming = asyncio.create_task(heard.next())
        await asyncio.sleep(0)
        await asyncio.to_thread(wake_ups.send)
        await coming

    assert heard.count == 2


async def test_wake_up_from_before_the_start_is_sent(database: Database) -> None:
    early, heard = WakeUps(database.url), WakeUps(database.url)
    early.send()
    async with listening(heard) as listener:
        sender = asyncio.create_task(early.run_sender())
        await listener.next()
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)

    assert listener.count == 2
