"""What every job engine promises: what runs when, and beside what."""

import asyncio
from uuid import uuid4

import pytest

from service.db.tables import Transaction
from service.model import Backlog
from service.queue import embedded, procrastinate
from tests.support.queue_fixture import Counted, Work, acting, acting_async, opening, passing, some, soon

pytestmark = pytest.mark.databases("sqlite", "postgres")


async def test_a_job_runs_once(work: Work) -> None:
    [subject] = some(1)
    await work.enqueue(subject)

    await work.drain()

    assert work.ran == [subject]
    assert await work.jobs.backlog() == Backlog(depth=0, oldest_age_s=0)


async def test_a_job_is_gone_when_its_transaction_is(work: Work) -> None:
    def enqueue_and_fail(transaction: Transaction) -> None:
        work.jobs.enqueue("note", uuid4(), within=transaction)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await work.store.write(enqueue_and_fail)

    await work.drain()

    assert work.ran == []


async def test_a_job_without_a_time_is_due_at_once(work: Work) -> None:
    [subject] = some(1)
    await work.store.write(lambda transaction: work.jobs.enqueue("note", subject, within=transaction))

    await work.drain()

    assert work.ran == [subject]


async def test_a_job_waits_for_its_time(work: Work) -> None:
    early, later = some(2)
    await work.enqueue(later, in_s=61)
    await work.enqueue(early, in_s=60)
    work.clock.tick(seconds=60)

    await work.drain()

    assert work.ran == [early]


async def test_the_engine_wakes_by_itself_when_a_time_has_come(work: Work) -> None:
    [subject] = some(1)
    ran = asyncio.Event()
    work.acts[subject] = acting(ran.set)
    await work.enqueue(subject, in_s=0.02)
    async with work.running():
        work.clock.tick(seconds=0.02)
        await soon(ran)

    assert work.ran == [subject]


async def test_what_is_enqueued_while_the_engine_runs_is_run(work: Work) -> None:
    first, second = some(2)
    work.acts[first] = lambda: work.enqueue(second)
    async with work.running():
        await work.enqueue(first)
        await work.until_idle()

    assert work.ran == [first, second]


async def test_jobs_of_a_lane_run_in_order_and_one_at_a_time(work: Work) -> None:
    subjects = some(8)
    at_once = Counted()
    for subject in subjects:
        work.acts[subject] = at_once.act
        await work.enqueue(subject, lane="slack")

    await work.drain()

    assert work.ran == subjects
    assert at_once.most == 1


async def test_jobs_of_no_lane_run_beside_each_other(work: Work) -> None:
    gate = asyncio.Barrier(3)
    for subject in some(3):
        work.acts[subject] = passing(gate)
        await work.enqueue(subject)

    await work.drain()

    assert len(work.ran) == 3


async def test_jobs_of_different_lanes_run_beside_each_other(work: Work) -> None:
    gate = asyncio.Barrier(2)
    for subject, lane in zip(some(2), ("slack", "mail"), strict=True):
        work.acts[subject] = passing(gate)
        await work.enqueue(subject, lane=lane)

    await work.drain()

    assert len(work.ran) == 2


@pytest.mark.long
async def test_a_thousand_jobs_of_a_busy_lane_keep_nobody_else_waiting(work: Work) -> None:
    crowd, [urgent] = some(1000), some(1)
    gate = asyncio.Event()
    work.acts[crowd[0]] = acting_async(gate.wait)
    work.acts[urgent] = acting(gate.set)
    for subject in crowd:
        await work.enqueue(subject, lane="slack")
    await work.enqueue(urgent, lane="mail")

    async with work.running():
        await soon(gate)

    assert set(work.ran[:2]) == {crowd[0], urgent}  # two that begin together: either may be first


@pytest.mark.databases("sqlite")
async def test_jobs_of_one_subject_do_not_run_at_once_on_sqlite(work: Work) -> None:
    [subject] = some(1)
    at_once = Counted()
    work.acts[subject] = at_once.act
    for _ in range(3):
        await work.enqueue(subject)

    await work.drain()

    assert len(work.ran) == 3
    assert at_once.most == 1


async def test_so_many_jobs_of_a_kind_run_at_once_and_no_more(work: Work) -> None:
    at_once, gate = Counted(), asyncio.Barrier(embedded.MAX_CONCURRENT)
    at_once.meanwhile = acting_async(gate.wait)
    for subject in some(2 * embedded.MAX_CONCURRENT):
        work.acts[subject] = at_once.act
        await work.enqueue(subject)

    await work.drain()

    assert at_once.most == embedded.MAX_CONCURRENT == procrastinate.MAX_CONCURRENT


async def test_many_slow_jobs_of_a_kind_keep_no_other_kind_waiting(work: Work) -> None:
    crowd, [urgent] = some(5 * embedded.MAX_CONCURRENT), some(1)
    gate = asyncio.Event()
    for subject in crowd:
        work.acts[subject] = acting_async(gate.wait)
        await work.enqueue(subject)
    await work.enqueue(urgent, kind="urgent")

    running = asyncio.create_task(work.jobs.run({"note": work.note, "urgent": opening(gate)}, work.failed))
    await soon(gate)
    await work.until_idle()
    work.jobs.stop()
    await running

    assert len(work.ran) == len(crowd)


async def test_the_backlog_is_what_is_due_and_how_long_the_oldest_has_been(work: Work) -> None:
    for in_s in (0, 20, 90):
        await work.enqueue(uuid4(), in_s=in_s)
    work.clock.tick(seconds=30)

    assert await work.jobs.backlog() == Backlog(depth=2, oldest_age_s=30)


async def test_the_engine_says_when_it_last_looked_for_work(work: Work) -> None:
    before = await work.jobs.last_heartbeat()
    await work.enqueue(uuid4())

    async with work.running():
        await work.until_idle()
        last_look_at = await work.jobs.last_heartbeat()

    assert (before, last_look_at) == (None, work.clock())
