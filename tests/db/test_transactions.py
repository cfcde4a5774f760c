"""A transaction in a thread: on disk when it is over, gone when it failed, and one of a row with the others."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, select, text

from service.db.database import READERS, WRITERS, Store
from service.db.tables import Transaction, lanes
from service.db.transactions import announce_due
from service.errors import Temporary
from tests.support.app_fixture import HELD_FOR_S, NINE, a_moment, write_patiently
from tests.support.databases import Database

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


async def test_commit_by_which_a_delivery_is_due_says_so(store: Store) -> None:
    heard: list[str] = []
    store.on_due(lambda: heard.append("due"))

    def announce_and_fail(transaction: Transaction) -> None:
        announce_due(transaction)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(announce_and_fail)
    await store.write(write, "web")
    before = list(heard)
    await store.write(announce_due)
    await store.write_statement(announce_due)

    assert (before, heard) == ([], ["due", "due"])


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
    impatient = [asyncio.create_task(write_patiently(store, hold)) for _ in range(at_once)]
    for task in impatient:
        await begun.acquire()
        task.cancel()
    await asyncio.wait(impatient)

    with pytest.raises(Temporary, match="other work of this process has not ended"):
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


async def test_snapshot_sees_one_moment(store: Store) -> None:
    """And what was committed meanwhile is there in the next."""
    looked, may_look_again = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def look_twice(transaction: Transaction) -> tuple[int, int]:
        before = len(transaction.execute(select(lanes)).all())
        loop.call_soon_threadsafe(looked.set)
        may_look_again.wait(HELD_FOR_S)
        return before, len(transaction.execute(select(lanes)).all())

    looking = asyncio.create_task(store.snapshot(look_twice))
    await looked.wait()
    await store.write(write, "meanwhile")
    may_look_again.set()

    assert await looking == (0, 0)
    assert await written(store) == ["meanwhile"]


async def test_snapshot_that_fails_leaves_its_connection_usable(store: Store) -> None:
    def fail(transaction: Transaction) -> None:
        transaction.execute(select(lanes))
        raise ZeroDivisionError

    for _ in range(READERS + 1):
        with pytest.raises(ZeroDivisionError):
            await store.snapshot(fail)
    await store.write(write, "after")

    assert [await written(store) for _ in range(READERS + 1)] == [["after"]] * (READERS + 1)


async def test_statements_of_reads_are_prepared_on_postgres(store: Store) -> None:
    def prepared(transaction: Transaction) -> list[str]:
        return list(transaction.execute(text("SELECT statement FROM pg_prepared_statements")).scalars())

    if not store.is_shared:
        return  # SQLite's driver has a cache, which cannot be looked into
    for _ in range(10 * READERS):
        await written(store)

    assert any("FROM lanes" in statement for statement in await store.read(prepared))


@pytest.mark.databases("postgres")
async def test_a_statement_on_postgres_commits_by_itself(store: Store) -> None:
    def transaction_ids(connection: Transaction) -> list[int]:
        return [connection.exec_driver_sql("SELECT txid_current()").scalar_one() for _ in range(2)]

    first, second = await store.write_statement(transaction_ids)
    heard: list[str] = []
    store.after_commit(lambda: heard.append("committed"))
    await store.write_statement(write, "a")

    assert first != second
    assert (heard, await written(store)) == (["committed"], ["a"])
