"""A transaction in a thread: on disk when it is over, gone when it failed, and one of a row with the others."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, select

from service.db.database import WRITERS, Store
from service.db.tables import Transaction, lanes
from service.errors import Temporary
from tests.app_fixture import HELD_FOR_S, NINE, a_moment
from tests.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def write(transaction: Transaction, lane: str) -> str:
    transaction.execute(insert(lanes), {"lane": lane, "closed_at": NINE, "opens_at": NINE})
    return lane


async def written(store: Store) -> list[str]:
    return await store.read(
        lambda transaction: list((transaction.execute(select(lanes.c.lane).order_by(lanes.c.lane))).scalars())
    )


async def test_write_is_on_disk_on_return_and_calls_listeners(store: Store) -> None:
    heard: list[str] = []
    store.after_commit(lambda: heard.append("committed"))

    said = await store.write_first(write, "web")

    assert (said, heard, await written(store)) == ("web", ["committed"], ["web"])


async def test_failed_transaction_leaves_nothing(store: Store) -> None:
    heard: list[str] = []
    store.after_commit(lambda: heard.append("committed"))

    def fail(transaction: Transaction) -> None:
        write(transaction, "web")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write_first(fail)

    assert (heard, await written(store)) == ([], [])


async def test_it_goes_beside_a_transaction_that_is_under_way_or_after_it(store: Store) -> None:
    going = asyncio.create_task(store.write_first(write, "a"))
    await store.write(write, "b")
    await going

    assert await written(store) == ["a", "b"]


async def test_a_cancelled_caller_keeps_the_permit_until_its_thread_ends(database: Database) -> None:
    """Or the next would wait behind that thread for who knows how long, instead of being told that it is taken."""
    store, begun, may_end = Store(database.url, max_wait_s=0.01), asyncio.Semaphore(0), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(transaction: Transaction) -> None:
        loop.call_soon_threadsafe(begun.release)
        may_end.wait(HELD_FOR_S)

    at_once = 1 if store.file else WRITERS
    impatient = [asyncio.create_task(store.write(hold)) for _ in range(at_once)]
    for task in impatient:
        await begun.acquire()
        task.cancel()
    await asyncio.wait(impatient)

    with pytest.raises(Temporary, match="others are still waiting for it"):
        await store.write(write, "a")
    may_end.set()
    await store.close()


async def test_write_of_a_cancelled_caller_is_still_committed(store: Store) -> None:
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def write_late(transaction: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(HELD_FOR_S)
        write(transaction, "late")

    impatient = asyncio.create_task(store.write(write_late))
    await begun.wait()
    impatient.cancel()
    await asyncio.wait([impatient])
    may_end.set()
    await store.write(write, "next")

    async with asyncio.timeout(HELD_FOR_S):
        while await written(store) != ["late", "next"]:
            await a_moment()
