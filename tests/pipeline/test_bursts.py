"""Bursts at the intake: other work waits for posts, has its share of the time, and is little."""

import asyncio
import gc
from typing import Any

import pytest

from tests.support.committer_fixture import Door, door, held_up, outcomes, several, some_delivery

__all__ = ["door"]  # pytest finds fixtures by name
pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_wait_for_idle_returns_at_once_without_pending_deliveries(door: Door) -> None:
    door.limit(max_delay=3600)

    async with asyncio.timeout(120):
        await door.committer.wait_for_idle()


async def test_wait_for_idle_returns_once_no_delivery_is_pending(door: Door) -> None:
    door.limit(max_delay=3600)
    async with held_up(door.store):
        tasks = await door.arrive_after(some_delivery(), several(3))
        giving = asyncio.create_task(door.committer.wait_for_idle())
        await asyncio.sleep(0)
        gave_way_early = giving.done()

    async with asyncio.timeout(120):
        await giving

    assert not gave_way_early
    assert not door.committer.has_backlog
    await outcomes(tasks)


async def test_burst_is_not_over_between_two_of_its_batches(door: Door) -> None:
    door.limit(max_delay=3600, lull=3600)
    async with held_up(door.store):
        tasks = await door.arrive_after(some_delivery(), several(8))
        giving = asyncio.create_task(door.committer.wait_for_idle())
        await asyncio.sleep(0)
    await outcomes(tasks)
    for _ in range(5):  # until the committing task has ended
        await asyncio.sleep(0)

    assert door.committer.has_backlog
    assert not giving.done()
    giving.cancel()


async def test_small_batch_is_no_burst(door: Door) -> None:
    door.limit(max_delay=3600)

    await outcomes(await door.arrive(several(7)))

    assert not door.committer.has_backlog


async def test_jobs_begin_one_after_the_other_during_a_long_burst(door: Door) -> None:
    door.limit(max_delay=0.05)
    loop = asyncio.get_running_loop()
    async with held_up(door.store):
        tasks = await door.arrive_after(some_delivery(), several(3))
        since = loop.time()
        await asyncio.gather(*(door.committer.wait_for_idle() for _ in range(3)))
        waited_s = loop.time() - since
        assert door.committer.has_backlog

    assert waited_s > 0.14  # side by side, they would all begin after 0.05
    await outcomes(tasks)


async def test_other_work_pauses_after_much_of_it_while_a_burst_goes_on(door: Door) -> None:
    door.limit(max_delay=0, max_pause=3600, job_cost=0, lull=3600)
    await outcomes(await door.arrive(several(8)))

    free = [await door.committer.wait_for_idle() for _ in range(2)]
    door.committer.count_work(10_000)
    paused = asyncio.create_task(door.committer.wait_for_idle())
    for _ in range(5):
        await asyncio.sleep(0)

    assert free == [True, True]  # and the burst goes on
    assert not paused.done()
    paused.cancel()


async def test_work_that_has_all_of_the_time_is_little_while_a_burst_goes_on(door: Door) -> None:
    door.limit(max_delay=3600, lull=3600, worker_share=1)
    quiet = await door.committer.wait_for_idle()
    await outcomes(await door.arrive(several(8)))

    async with asyncio.timeout(120):
        is_burst = await door.committer.wait_for_idle()

    assert (quiet, is_burst) == (False, True)


async def test_other_work_never_starves(door: Door) -> None:
    door.limit(max_delay=0, max_pause=0.01, lull=3600)
    await outcomes(await door.arrive(several(8)))
    door.committer.count_work(10_000)

    async with asyncio.timeout(120):
        is_burst = await door.committer.wait_for_idle()

    assert is_burst


async def test_burst_lasts_through_its_commit(door: Door) -> None:
    door.limit(lull=0)
    async with held_up(door.store):
        tasks = await door.arrive_after(some_delivery(), several(8))
        for _ in range(20):
            await asyncio.sleep(0)
        early = door.committer.has_backlog
    await outcomes(tasks)
    await asyncio.sleep(0)

    assert early
    assert not door.committer.has_backlog


@pytest.mark.long
async def test_second_rush_after_a_lull_ends_without_an_error_in_the_background(door: Door) -> None:
    door.limit(max_delay=3600)
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    for rush in range(3):  # the third lets go of the task of the second
        async with held_up(door.store):
            tasks = await door.arrive_after(some_delivery(), several(2))
            if not rush:
                giving = asyncio.create_task(door.committer.wait_for_idle())
        await outcomes(tasks)
        await giving
        for _ in range(5):  # until the committer has ended
            await asyncio.sleep(0)
    gc.collect()

    assert errors == []
