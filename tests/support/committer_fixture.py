"""Senders of deliveries at a group committer, on a real database."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from service.db.database import Store
from service.db.tables import Transaction, deliveries
from service.model import Delivery, SignatureMatch, Via
from service.pipeline.receive import GroupCommitter, IntakeLimits, StoredDelivery
from tests.support.app_fixture import NINE, still_writing
from tests.support.databases import Database


def some_delivery(source_event_id: str | None = None, body: bytes = b"{}") -> Delivery:
    return Delivery(
        id=uuid4(),
        source="circleci",
        source_event_id=source_event_id or str(uuid4()),
        via=Via.WEBHOOK,
        received_at=NINE,
        headers=(("content-type", "application/json"),),
        body=body,
        signed=SignatureMatch(index=0, fingerprint="0123456789ab"),
    )


def several(count: int) -> list[Delivery]:
    return [some_delivery() for _ in range(count)]


async def on_disk(store: Store) -> dict[UUID, int]:
    """The deliveries that are kept, and how often each came again."""
    rows = await store.read(lambda transaction: transaction.execute(select(deliveries.c.id, deliveries.c.repeats)))
    return {row.id: row.repeats for row in rows}


@asynccontextmanager
async def held_up(store: Store) -> AsyncIterator[None]:
    """Nobody else's delivery gets on disk while the block runs."""

    def lock(transaction: Transaction) -> None:
        if transaction.dialect.name == "postgresql":  # where others may write beside us
            transaction.execute(text("LOCK TABLE deliveries IN EXCLUSIVE MODE"))

    async with still_writing(store, lock):
        yield


class Door:
    """A group committer, and senders of deliveries."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.announced = 0
        self.limit()
        self.commits = 0
        store.after_commit(self._count)

    def limit(self, **limits: Any) -> None:
        """Have a committer with other limits."""
        self.committer = GroupCommitter(
            self.store,
            announce=self._announce,
            limits=replace(IntakeLimits(), **limits),
        )

    def _announce(self) -> None:
        self.announced += 1

    def _count(self) -> None:
        self.commits += 1

    async def arrive(self, arriving: Iterable[Delivery]) -> list[asyncio.Task[StoredDelivery]]:
        """Send deliveries in this order."""
        tasks = [asyncio.create_task(self.committer.keep(delivery)) for delivery in arriving]
        await asyncio.sleep(0)
        return tasks

    async def arrive_after(self, first: Delivery, others: Iterable[Delivery]) -> list[asyncio.Task[StoredDelivery]]:
        """Send deliveries during the commit of the first one."""
        [task] = await self.arrive([first])
        for _ in range(5):  # until the batch is collected
            await asyncio.sleep(0)
        assert not self.committer.has_backlog
        return [task, *await self.arrive(others)]


@pytest.fixture
async def door(database: Database) -> AsyncIterator[Door]:
    store = Store(database.url)
    yield Door(store)
    await store.close()


async def outcomes(tasks: Iterable[asyncio.Task[StoredDelivery]]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)
