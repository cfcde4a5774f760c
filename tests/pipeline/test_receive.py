"""Group commit: deliveries that are pending together are stored together, and none fails for another."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from service.db.database import Store
from service.db.tables import Transaction, deliveries
from service.errors import Temporary
from service.model import Delivery, SignatureMatch, Via
from service.pipeline.receive import GroupCommitter, IntakeLimits, PendingDelivery, StoredDelivery
from tests.support.app_fixture import NINE, still_writing
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")


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
