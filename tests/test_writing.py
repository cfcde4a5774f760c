"""A transaction in a thread: on disk when it is over, gone when it failed, and one of a row with the others."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import insert, select

from service.store import Store
from service.tables import Transaction, lanes
from tests.databases import Database
from tests.house import NINE

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


async def test_it_is_on_disk_when_it_is_over_and_is_heard_of(store: Store) -> None:
    heard: list[str] = []
    store.after_commit(lambda: heard.append("committed"))

    said = await store.write_first(write, "web")

    assert (said, heard, await written(store)) == ("web", ["committed"], ["web"])


async def test_what_fails_leaves_nothing(store: Store) -> None:
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
