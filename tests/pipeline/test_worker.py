"""The rows as the queue: deliveries are decided on in batches, fetches are leased, and none stops the others."""

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from service.model import Delivery, Event, Fetch, FetchPurpose
from service.pipeline.context import BatchLimits
from service.pipeline.process import process_batch
from service.pipeline.receive import GroupCommitter
from service.pipeline.worker import RowWorker, WorkerLimits
from service.store.deliveries import deliveries
from service.store.events import fetches
from service.testing.fake_circleci.faults import Fault
from tests.pipeline.test_enrich import Gate
from tests.pipeline.test_process import MANY_ROUTES, RELEASE, Stumbling
from tests.support.app_fixture import HELD_FOR_S, NINE, RED, SETTLED_WITHIN_S, Instance, a_moment, an_instance, nothing

pytestmark = pytest.mark.databases("sqlite", "postgres")

AT_ONCE = WorkerLimits(retry=0, grace=0)
LATER = NINE + timedelta(minutes=1)


class Reading(Stumbling):
    """A source whose events are changed on the way, by what their delivery says."""

    def parse(self, delivery: Delivery) -> Event:
        return self.change(self._source.parse(delivery))

    def change(self, event: Event) -> Event:
        return event


class Timeless(Reading):
    """A source that gives the event of one pipeline a time that no column takes."""

    def change(self, event: Event) -> Event:
        if event.pipeline.number != 13:
            return event
        return replace(event, happened_at=event.happened_at.replace(tzinfo=None))


class Slow(Reading):
    """A source that takes long to read a delivery."""

    def change(self, event: Event) -> Event:
        time.sleep(0.03)
        return event


def worker_of(instance: Instance, limits: WorkerLimits = AT_ONCE) -> RowWorker:
    service = instance.service
    return RowWorker(service.pipeline, committer=service.committer, limits=limits)


class Rushed(GroupCommitter):
    """A committer to which posts come without a pause."""

    async def wait_for_idle(self) -> bool:
        return True


async def finish_many(instance: Instance, *numbers: int) -> list[str]:
    return [await instance.finish(replace(RED, number=number)) for number in numbers]


async def test_batch_decides_on_all_that_is_kept_in_one_transaction(instance: Instance) -> None:
    await finish_many(instance, *range(10, 15))
    commits: list[None] = []
    instance.service.context.store.after_commit(lambda: commits.append(None))

    batch = await instance.service.pipeline.process(limit=100)

    assert (batch.claimed, len(batch.decided), len(commits)) == (5, 5, 1)
    assert instance.rows("SELECT state, count(*) FROM deliveries GROUP BY state") == [("settled", 5)]
    assert instance.counted("decisions", verdict="matched") == 5


async def test_batch_takes_no_more_than_its_limit_and_the_oldest_first(instance: Instance) -> None:
    first, *_ = await finish_many(instance, 10, 11, 12)
    instance.change("UPDATE deliveries SET received_at = '2026-03-01 00:00:00' WHERE id = ?", UUID(first).hex)

    batch = await instance.service.pipeline.process(limit=1)

    assert [str(one.event.id) for one in batch.decided] == [first]


async def test_batches_are_small_while_posts_come(instance: Instance) -> None:
    await finish_many(instance, 10, 11, 12)
    rushed = Rushed(instance.service.context.store)
    worker = RowWorker(instance.service.pipeline, committer=rushed, limits=replace(AT_ONCE, burst_batch=2))

    assert await worker.decide_due()

    assert instance.rows("SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state") == [
        ("kept", 1),
        ("settled", 2),
    ]


@pytest.mark.long
async def test_delivery_that_cannot_be_recorded_fails_alone(instance: Instance) -> None:
    instance.replace_source(lambda source: Timeless(source, ValueError()))
    _, bad, _ = await finish_many(instance, 12, 13, 14)

    await instance.drain()

    assert instance.rows("SELECT state, failures FROM deliveries ORDER BY failures") == [
        ("settled", 0),
        ("settled", 0),
        ("kept", 1),
    ]
    assert instance.rows("SELECT id FROM deliveries WHERE failures = 1") == [(UUID(bad).hex,)]
    assert instance.rows("SELECT count(*) FROM events") == [(2,)]
    assert instance.channels.told == ["web (json)"] * 2


@pytest.mark.long
async def test_batch_that_takes_long_leaves_the_rest_for_the_next(instance: Instance) -> None:
    instance.replace_source(lambda source: Slow(source, ValueError()))
    await finish_many(instance, 10, 11, 12)
    hasty = replace(instance.service.context, batch_limits=BatchLimits(seconds=0.025))

    batch = await process_batch(hasty, limit=100)

    assert (batch.claimed, len(batch.decided)) == (3, 1)
    await instance.drain()
    assert instance.rows("SELECT state, count(*) FROM deliveries GROUP BY state") == [("settled", 3)]


@pytest.mark.databases("sqlite")
async def test_batch_ends_sooner_while_a_post_waits(instance: Instance) -> None:
    loop, posts = asyncio.get_running_loop(), list[asyncio.Task[None]]()

    def post(has_begun: threading.Event) -> None:
        posts.append(loop.create_task(instance.service.context.store.write_statement(nothing)))
        loop.call_soon(has_begun.set)

    class Posted(Reading):
        """A source that is read while a post comes."""

        def change(self, event: Event) -> Event:
            has_begun = threading.Event()
            loop.call_soon_threadsafe(post, has_begun)
            has_begun.wait(HELD_FOR_S)
            return event

    instance.replace_source(lambda source: Posted(source, ValueError()))
    await finish_many(instance, 10, 11, 12)
    limits = BatchLimits(seconds=SETTLED_WITHIN_S, awaited_seconds=0)

    batch = await process_batch(replace(instance.service.context, batch_limits=limits), limit=100)

    assert len(batch.decided) == 1
    await asyncio.gather(*posts)


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_delivery_whose_rows_make_the_database_seem_away_is_put_off_alone_and_counted(instance: Instance) -> None:
    instance.change(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.pipeline_number = 13 THEN RAISE EXCEPTION 'slow' USING ERRCODE = '57014'; END IF; RETURN NEW; END $$"
    )
    instance.change("CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()")
    worker = worker_of(instance)
    await finish_many(instance, 13, 14, 15)

    while instance.rows("SELECT 1 FROM deliveries WHERE state = 'kept' AND put_offs = 0"):
        await worker.decide_due()

    assert instance.rows("SELECT put_offs, state FROM deliveries ORDER BY 1") == [
        (0, "settled"),
        (0, "settled"),
        (1, "kept"),
    ]


async def test_time_of_a_clock_that_was_far_ahead_counts_as_due(instance: Instance) -> None:
    await instance.finish(RED)
    instance.change("UPDATE deliveries SET due_at = '2027-01-01 00:00:00'")

    await instance.drain()

    assert instance.channels.told == ["web (json)"]


async def test_delivery_that_was_put_off_is_not_claimed_before_its_time(instance: Instance) -> None:
    delivery = UUID(await instance.finish(RED))
    await instance.service.context.store.write(deliveries.put_off, [delivery], until=LATER)

    early = (await instance.service.pipeline.process(limit=100)).claimed
    instance.clock.now = LATER

    assert (early, (await instance.service.pipeline.process(limit=100)).claimed) == (0, 1)


async def test_claimed_fetch_is_due_again_when_its_lease_ends(instance: Instance) -> None:
    store, event_id = instance.service.context.store, UUID(int=1)
    await store.write(fetches.request, [event_id], FetchPurpose.PAGE, due_at=NINE)

    [claimed] = await store.write(fetches.claim, FetchPurpose.PAGE, now=NINE, lease_until=LATER, limit=5)
    meanwhile = await store.write(fetches.claim, FetchPurpose.PAGE, now=NINE, lease_until=LATER, limit=5)
    afterwards = await store.write(
        fetches.claim, FetchPurpose.PAGE, now=LATER, lease_until=LATER + timedelta(minutes=1), limit=5
    )

    assert (claimed.event_id, list(meanwhile), len(afterwards)) == (event_id, [], 1)


async def test_only_process_begins_at_once_what_a_killed_one_had_claimed(instance: Instance) -> None:
    """Where others may still run, claims end by their time."""
    store, now = instance.service.context.store, instance.clock()
    for number, due_at in enumerate([now, now + timedelta(hours=1)]):
        await store.write(fetches.request, [UUID(int=number)], FetchPurpose.PAGE, due_at=due_at)
    await store.write(fetches.claim, FetchPurpose.PAGE, now=now, lease_until=now + timedelta(minutes=1), limit=5)

    worker = worker_of(instance)
    worker.stop()
    await worker.run()

    due = await store.write(fetches.claim, FetchPurpose.PAGE, now=now, lease_until=LATER, limit=5)
    assert [fetch.event_id for fetch in due] == ([] if store.is_shared else [UUID(int=0)])


@pytest.mark.parametrize("act", ["end", "put_off"])
async def test_lost_claim_of_a_fetch_changes_nothing(instance: Instance, act: str) -> None:
    store, event_id = instance.service.context.store, UUID(int=1)
    await store.write(fetches.request, [event_id], FetchPurpose.MESSAGE, due_at=NINE)
    lost = Fetch(event_id=event_id, purpose=FetchPurpose.PAGE, lease_until=LATER)

    await (store.write(fetches.end, lost) if act == "end" else store.write(fetches.put_off, lost, until=NINE))

    assert instance.fetches() == ["message"]


async def test_fetches_for_decisions_have_the_first_claim(instance: Instance) -> None:
    store = instance.service.context.store
    for number, purpose in enumerate(reversed(FetchPurpose)):
        await store.write(fetches.request, [UUID(int=number)], purpose, due_at=NINE)

    assert await store.read(fetches.due_purposes, NINE) == list(FetchPurpose)


@pytest.mark.parametrize(("max_test_wait", "begun"), [(3600.0, 1), (0.0, 2)])
async def test_tests_give_way_to_what_messages_wait_for_but_not_for_ever(
    instance: Instance, max_test_wait: float, begun: int
) -> None:
    store = instance.service.context.store
    worker = worker_of(instance, WorkerLimits(max_test_wait=max_test_wait))
    await store.write(fetches.request, [UUID(int=1)], FetchPurpose.TESTS, due_at=NINE)
    await asyncio.gather(*await worker.start_fetches())  # the wait counts from these
    for number, purpose in enumerate((FetchPurpose.TESTS, FetchPurpose.MESSAGE)):
        await store.write(fetches.request, [UUID(int=number)], purpose, due_at=NINE)

    tasks = await worker.start_fetches()
    await asyncio.gather(*tasks)
    left = await worker.start_fetches()
    await asyncio.gather(*left)

    assert [len(tasks), len(tasks) + len(left)] == [begun, 2]


@pytest.mark.long
async def test_fetch_that_outlasts_the_grace_time_is_given_back(folder: Path) -> None:
    hanging = Gate()
    async with an_instance(folder, MANY_ROUTES) as instance:
        instance.pretend.faults.next("*", Fault(gate=hanging), times=1000)
        await instance.finish(RELEASE)
        worker = worker_of(instance)
        running = asyncio.create_task(worker.run())
        await hanging.reached.wait()
        worker.stop()
        async with asyncio.timeout(30):
            await running
        due = await instance.service.context.store.read(fetches.due_purposes, instance.clock())
        hanging.set()

    assert due == [FetchPurpose.DECISION]


async def test_idle_worker_ends_at_once(instance: Instance) -> None:
    worker = worker_of(instance, WorkerLimits(poll=3600))
    running = asyncio.create_task(worker.run())
    await a_moment()

    worker.stop()

    async with asyncio.timeout(30):
        await running


async def test_kept_delivery_wakes_the_worker_of_its_process(instance: Instance) -> None:
    told = instance.expect_word("web (json)")
    worker = worker_of(instance, WorkerLimits(poll=3600))
    instance.service.context.store.on_due(worker.wake)
    running = asyncio.create_task(worker.run())
    await instance.finish(RED)
    async with asyncio.timeout(30):
        while not instance.jobs():
            await a_moment()
    worker.stop()
    await running

    await instance.drain(minutes=2)
    assert told.is_set()
