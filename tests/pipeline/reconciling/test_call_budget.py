"""The timer and a backfill beside it take their calls from one budget, whichever process asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.database import Store
from service.errors import Temporary
from service.pipeline.reconciling.call_budget import NAME, BudgetSpent, PacedBudget, StepBudget
from service.store.circleci import call_budgets
from tests.support.app_fixture import Clock
from tests.support.databases import database_of

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[Store]:
    store = Store(database_of(folder).url)
    yield store
    await store.close()


def step(store: Store, clock: Clock, calls: int = 6) -> StepBudget:
    return StepBudget(store, calls, clock=clock, has_room=lambda: True)


def paced(store: Store, clock: Clock, calls: int = 6) -> PacedBudget:
    async def sleep(seconds: float) -> None:
        clock.tick(seconds=seconds)

    def time() -> float:
        return clock.now.timestamp()

    return PacedBudget(store, calls, clock=clock, has_room=lambda: True, time=time, sleep=sleep)


async def spent(budget: StepBudget) -> int:
    count = 0
    try:
        while True:
            await budget.take()
            count += 1
    except BudgetSpent:
        return count


async def test_timer_has_what_a_backfill_left_of_a_minute(store: Store, clock: Clock) -> None:
    backfill = paced(store, clock)
    for _ in range(4):
        await backfill.take()

    assert await spent(step(store, clock)) == 2
    clock.tick(seconds=60)
    assert await spent(step(store, clock)) == 6


async def test_backfill_leaves_the_timer_a_third_and_waits_for_the_next_minute(store: Store, clock: Clock) -> None:
    begun, backfill = clock.now, paced(store, clock)
    for _ in range(5):
        await backfill.take()

    assert clock.now - begun == timedelta(minutes=1)
    assert await spent(step(store, clock)) == 5


async def test_backfill_makes_no_more_calls_in_any_minute_than_in_one_of_the_clock(store: Store, clock: Clock) -> None:
    clock.tick(seconds=59)
    backfill, taken_at = paced(store, clock), []
    for _ in range(13):
        await backfill.take()
        taken_at.append(clock.now)
        clock.tick(seconds=1)

    assert min(later - earlier for earlier, later in zip(taken_at, taken_at[4:], strict=False)) == timedelta(minutes=1)


@pytest.mark.long
async def test_backfill_gives_up_where_others_take_all_for_long(store: Store, clock: Clock) -> None:
    backfill = paced(store, clock)
    tick = clock.tick

    async def take_all() -> None:
        while await store.write(call_budgets.take, NAME, now=clock(), limit=6):
            pass

    async def sleep(seconds: float) -> None:
        tick(seconds=seconds)
        await take_all()

    backfill._sleep = sleep
    await take_all()
    with pytest.raises(Temporary, match="ROUNDSMAN_RECONCILE_CALLS"):
        await backfill.take()


async def test_processes_that_take_at_once_take_no_call_too_many(folder: Path, clock: Clock) -> None:
    stores = [Store(database_of(folder).url) for _ in range(3)]
    try:
        taken = await asyncio.gather(*(spent(step(one, clock, calls=20)) for one in stores for _ in range(3)))
    finally:
        for one in stores:
            await one.close()

    assert sum(taken) == 20


async def test_clock_that_is_set_back_begins_a_new_minute(store: Store, clock: Clock) -> None:
    assert await spent(step(store, clock)) == 6
    clock.tick(minutes=-5)

    assert await spent(step(store, clock)) == 6
