"""Lanes that rest: none of their jobs begins, others go on, and the order stays."""

import asyncio
from datetime import timedelta
from uuid import UUID

from service.model import Backlog, LaneHead
from tests.support.queue_fixture import Counted, Work, acting, acting_async, some


async def pause_lane(work: Work, lane: str, *, s: float) -> None:
    await work.store.write(
        lambda transaction: work.jobs.pause_lane(lane, within=transaction, until=work.clock() + timedelta(seconds=s))
    )


async def set_head(work: Work, lane: str, subject: UUID | None, *, in_s: float = 0) -> None:
    due_at = work.clock() + timedelta(seconds=in_s)
    head = None if subject is None else LaneHead(subject_id=subject, due_at=due_at)
    await work.store.write(lambda transaction: work.jobs.set_head(lane, "note", head, within=transaction))


async def drain_again(work: Work) -> None:
    """Run what is due by now, with an engine that knows only what is on record."""
    work.jobs = work.make(work.store, work.clock)
    await work.drain()


def paced(work: Work, lane: str, *subjects: UUID) -> None:
    """Have each of these jobs close its own lane for a second."""
    for subject in subjects:
        work.acts[subject] = acting_async(lambda: pause_lane(work, lane, s=1))


async def test_a_lane_that_rests_begins_nothing_until_its_time(work: Work) -> None:
    [subject] = some(1)
    await pause_lane(work, "slack", s=10)
    await work.enqueue(subject, lane="slack")
    await work.drain()
    too_early = list(work.ran)

    work.clock.tick(seconds=10)
    await drain_again(work)

    assert (too_early, work.ran) == ([], [subject])


async def test_the_engine_wakes_by_itself_when_a_lane_opens(work: Work) -> None:
    [subject] = some(1)
    ran = asyncio.Event()
    work.acts[subject] = acting(ran.set)
    await pause_lane(work, "slack", s=0.02)
    await work.enqueue(subject, lane="slack")
    async with work.running():
        work.clock.tick(seconds=0.02)
        await ran.wait()

    assert work.ran == [subject]


async def test_a_lane_that_rests_keeps_no_other_waiting(work: Work) -> None:
    crowd, [urgent, lonely] = some(200), some(2)
    await pause_lane(work, "slack", s=10)
    for subject in crowd:
        await work.enqueue(subject, lane="slack")
    await work.enqueue(urgent, lane="mail")
    await work.enqueue(lonely)

    await work.drain()

    assert sorted(work.ran) == sorted([urgent, lonely])


async def test_a_job_that_closes_its_own_lane_is_followed_by_the_next_at_the_time_it_named(work: Work) -> None:
    subjects = some(4)
    paced(work, "slack", *subjects)
    for subject in subjects:
        await work.enqueue(subject, lane="slack")
    ran = []
    for _ in range(4):
        await drain_again(work)
        ran.append(list(work.ran))
        work.clock.tick(seconds=1)

    assert ran == [subjects[:1], subjects[:2], subjects[:3], subjects]


async def test_head_of_a_lane_replaces_all_that_wait_there_and_nothing_elsewhere(work: Work) -> None:
    [elsewhere, other], [head] = some(2), some(1)
    await work.enqueue(elsewhere, lane="mail")
    await work.enqueue(other)
    for subject in some(3):
        await work.enqueue(subject, lane="slack")
    await set_head(work, "slack", head)

    await work.drain()

    assert sorted(work.ran) == sorted([elsewhere, other, head])


async def test_head_of_an_empty_lane_is_begun_at_once(work: Work) -> None:
    [head] = some(1)
    await set_head(work, "slack", head)

    await work.drain()

    assert work.ran == [head]


async def test_lane_without_a_head_has_no_job(work: Work) -> None:
    await set_head(work, "slack", *some(1))
    await set_head(work, "slack", None)

    await work.drain()

    assert work.ran == []


async def test_head_that_is_set_again_runs_once_at_its_latest_time(work: Work) -> None:
    [head] = some(1)
    await set_head(work, "slack", head, in_s=60)
    await set_head(work, "slack", head, in_s=60)
    await set_head(work, "slack", head, in_s=30)
    await drain_again(work)
    too_early = list(work.ran)

    work.clock.tick(seconds=30)
    await drain_again(work)
    work.clock.tick(seconds=30)
    await drain_again(work)

    assert (too_early, work.ran) == ([], [head])


async def test_next_head_that_a_running_job_sets_runs_after_it(work: Work) -> None:
    first, second = some(2)
    at_once = Counted()
    work.acts |= {first: acting_async(lambda: set_head(work, "slack", second)), second: at_once.act}
    await set_head(work, "slack", first)

    await work.drain()

    assert work.ran == [first, second]


async def test_a_later_word_replaces_the_one_before(work: Work) -> None:
    [subject] = some(1)
    await pause_lane(work, "slack", s=10)
    await pause_lane(work, "slack", s=0)
    await work.enqueue(subject, lane="slack")

    await work.drain()

    assert work.ran == [subject]


async def test_a_clock_that_was_set_back_keeps_no_lane_closed(work: Work) -> None:
    """What was to last a second would last an hour."""
    [subject] = some(1)
    await pause_lane(work, "slack", s=1)
    work.clock.tick(hours=-1)
    await work.enqueue(subject, lane="slack")

    await work.drain()

    assert work.ran == [subject]


async def test_what_waits_in_a_closed_lane_is_not_due_but_grows_older(work: Work) -> None:
    await pause_lane(work, "slack", s=60)
    await work.enqueue(*some(1), lane="slack")
    work.clock.tick(seconds=30)

    assert await work.jobs.backlog() == Backlog(depth=0, oldest_age_s=30)
