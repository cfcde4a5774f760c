"""Group commit: deliveries that are pending together are stored together, and none fails for another."""

import asyncio
from dataclasses import replace

import pytest

from service.errors import Temporary
from service.pipeline.receive import PendingDelivery, StoredDelivery
from tests.support.app_fixture import NINE
from tests.support.committer_fixture import Door, door, held_up, on_disk, outcomes, several, some_delivery

__all__ = ["door"]  # pytest finds fixtures by name
pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_single_delivery_is_stored_at_once_and_announced(door: Door) -> None:
    delivery = some_delivery()

    kept = await door.committer.keep(delivery)

    assert kept == StoredDelivery(id=delivery.id, is_duplicate=False)
    assert await on_disk(door.store) == {delivery.id: 0}
    assert door.announced == 1


async def test_deliveries_of_later_event_loop_rounds_join_the_batch(door: Door) -> None:
    tasks = []
    for delivery in several(20):
        tasks += await door.arrive([delivery])  # one each time that the event loop goes round
    await outcomes(tasks)

    assert door.commits == 1
    assert len(await on_disk(door.store)) == 20


async def test_deliveries_during_a_commit_share_the_next_one(door: Door) -> None:
    first, *others = several(50)
    async with held_up(door.store):
        tasks = await door.arrive_after(first, others)
    await outcomes(tasks)

    assert door.commits - 1 == 2  # the first one, which held them up, is no batch
    assert len(await on_disk(door.store)) == 50


async def test_senders_are_answered_only_after_the_commit(door: Door) -> None:
    async with held_up(door.store):
        tasks = await door.arrive_after(some_delivery(), several(3))
        done_early, there_early = [task.done() for task in tasks], await on_disk(door.store)

    assert (done_early, there_early) == ([False] * 4, {})
    assert {kept.id for kept in await outcomes(tasks)} == set(await on_disk(door.store))


async def test_duplicates_in_a_batch_are_one_delivery(door: Door) -> None:
    first, other = some_delivery("the same"), some_delivery("another")
    arriving = [first, other, some_delivery("the same"), some_delivery("the same")]

    kept = await outcomes(await door.arrive(arriving))

    assert [one.id for one in kept] == [first.id, other.id, first.id, first.id]
    assert [one.is_duplicate for one in kept] == [False, False, True, True]
    assert await on_disk(door.store) == {first.id: 2, other.id: 0}


async def test_duplicate_of_an_earlier_batch_is_counted(door: Door) -> None:
    first, new = some_delivery("the same"), some_delivery()
    await door.committer.keep(first)

    kept = await outcomes(await door.arrive([some_delivery("the same"), new, some_delivery("the same")]))

    assert [one.is_duplicate for one in kept] == [True, False, True]
    assert await on_disk(door.store) == {first.id: 2, new.id: 0}


async def test_unstorable_delivery_fails_alone(door: Door) -> None:
    good = several(4)
    bad = replace(some_delivery(), received_at=NINE.replace(tzinfo=None))  # no column takes a time without its zone

    *kept, failure = await outcomes(await door.arrive([*good, bad]))

    assert [one.id for one in kept] == [delivery.id for delivery in good]
    assert "has no time zone" in str(failure)
    assert not isinstance(failure, Temporary)
    assert set(await on_disk(door.store)) == {delivery.id for delivery in good}


async def test_deliveries_after_a_failed_batch_are_stored(door: Door) -> None:
    await outcomes(await door.arrive([replace(some_delivery(), received_at=NINE.replace(tzinfo=None))]))

    kept = await door.committer.keep(some_delivery())

    assert set(await on_disk(door.store)) == {kept.id}


async def test_disconnected_sender_does_not_affect_its_batch(door: Door) -> None:
    first, second, third, fourth = several(4)
    async with held_up(door.store):
        tasks = await door.arrive_after(first, [second, third, fourth])
        for task in (tasks[0], tasks[2]):
            task.cancel()
        await asyncio.sleep(0)

    await outcomes(tasks)

    # the first one's commit was under way; the third's was not begun, because its sender is gone
    assert set(await on_disk(door.store)) == {first.id, second.id, fourth.id}


async def test_nothing_is_committed_after_all_senders_disconnected(door: Door) -> None:
    async with held_up(door.store):
        first, *others = await door.arrive_after(some_delivery(), several(3))
        for task in others:
            task.cancel()
    await first
    await outcomes(others)

    assert door.commits - 1 == 1
    assert len(await on_disk(door.store)) == 1


@pytest.mark.parametrize("bound", ["max_pending", "max_pending_bytes"])
async def test_full_committer_refuses_at_once_and_accepts_again_with_room(door: Door, bound: str) -> None:
    door.limit(**{bound: 3})
    first, *others = [some_delivery(body=b"x") for _ in range(5)]
    async with held_up(door.store):
        *waiting, refused = await door.arrive_after(first, others)
        with pytest.raises(Temporary, match="too many deliveries wait") as refusal:
            await refused
        assert refusal.value.retry_after_s == 10

    await outcomes(waiting)
    await door.committer.keep(some_delivery(body=b"x"))

    assert len(await on_disk(door.store)) == 5


@pytest.mark.parametrize("bound", ["max_batch", "max_batch_bytes"])
async def test_batch_size_is_limited(door: Door, bound: str) -> None:
    door.limit(**{bound: 2})

    await outcomes(await door.arrive([some_delivery(body=b"x") for _ in range(5)]))

    assert door.commits == 3
    assert len(await on_disk(door.store)) == 5


async def test_sender_is_asked_to_retry_after_the_timeout(door: Door) -> None:
    door.limit(keep_timeout=0.01)
    async with held_up(door.store):
        failures = await outcomes(await door.arrive_after(some_delivery(), several(2)))

    assert {str(failure) for failure in failures} == {"the delivery could not be kept within 0 s"}
    assert {failure.retry_after_s for failure in failures} == {10}


async def test_result_before_the_timeout_stays() -> None:
    delivery = some_delivery()
    place = PendingDelivery(delivery=delivery, kept=asyncio.get_running_loop().create_future())
    place.kept.set_result(StoredDelivery(id=delivery.id, is_duplicate=False))

    place.time_out(8)

    assert await place.kept == StoredDelivery(id=delivery.id, is_duplicate=False)


async def test_delivery_above_the_byte_limit_is_stored_while_none_is_pending(door: Door) -> None:
    door.limit(max_pending_bytes=3)

    kept = await door.committer.keep(some_delivery(body=b"much too long"))

    assert set(await on_disk(door.store)) == {kept.id}


async def test_client_that_leaves_during_the_commit_keeps_no_other_of_its_batch_waiting(door: Door) -> None:
    gone, *others = several(3)
    async with held_up(door.store):
        leaving, *staying = await door.arrive([gone, *others])
        for _ in range(5):  # until the batch is being written
            await asyncio.sleep(0)
        assert not door.committer.has_backlog
        leaving.cancel()
        await asyncio.sleep(0)

    assert [one.id for one in await outcomes(staying)] == [delivery.id for delivery in others]
    assert door.commits - 1 == 1
