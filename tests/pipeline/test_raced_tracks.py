"""Two workers that judge the runs of one track at once come to what one comes to alone."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid5

import pytest

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Event
from tests.pipeline.judgment.test_judge_runs import forget, invent, judge, rows
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")

DEATHS, SETUPS, CORRECTIONS = 0.25, 0.1, 0.1


class Died(Exception):
    """A worker that died before it could commit."""


@pytest.fixture
async def stores(database: Database) -> AsyncIterator[tuple[Store, Store]]:
    pair = (Store(database.url), Store(database.url))
    yield pair
    for store in pair:
        await store.close()


def judge_and_maybe_die(transaction: Transaction, posted: Sequence[Event], dies: bool) -> None:
    judge(transaction, posted)
    if dies:
        raise Died


async def work(store: Store, posted: Sequence[Event], chance: random.Random) -> int:
    """Judge posts in small batches, each again after a death; return the number of deaths."""
    deaths = 0
    size = chance.choice([1, 2, 4])
    for batch in (posted[start : start + size] for start in range(0, len(posted), size)):
        while True:
            try:
                await store.write(judge_and_maybe_die, batch, chance.random() < DEATHS)
                break
            except Died:
                deaths += 1
    return deaths


def invent_all(chance: random.Random) -> list[Event]:
    """Return runs; some only set up others, and of some a later post has another status."""
    invented = [
        replace(one, workflow=replace(one.workflow, is_setup=True)) if chance.random() < SETUPS else one
        for one in {event.id: event for event in (*invent(chance), *invent(chance))}.values()
    ]
    return invented + [corrected(one, chance) for one in invented if chance.random() < CORRECTIONS]


def corrected(event: Event, chance: random.Random) -> Event:
    status = chance.choice(["success", "failed", "canceled"])
    return replace(
        event,
        id=uuid5(event.id, "corrected"),
        source_event_id=f"{event.source_event_id} corrected",
        status=status,
        workflow=replace(event.workflow, status=status),
        happened_at=event.happened_at + timedelta(seconds=1),
    )


@pytest.mark.long
@pytest.mark.parametrize("seed", range(8))
async def test_two_workers_on_one_track_end_as_one_alone(stores: tuple[Store, Store], seed: int) -> None:
    chance = random.Random(seed)
    invented = invent_all(chance)
    await stores[0].write(judge, invented)
    expected = await stores[0].read(rows)
    deaths = 0
    for _ in range(3):
        await stores[0].write(forget)
        posted = chance.sample(invented, len(invented))
        half = len(posted) // 2
        shares = (posted[:half], posted[half:])
        deaths += sum(
            await asyncio.gather(*(work(store, share, chance) for store, share in zip(stores, shares, strict=True)))
        )
        found: dict[str, Any] = await stores[1].read(rows)

        assert found == expected
    assert deaths
