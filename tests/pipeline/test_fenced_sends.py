"""Sends are fenced: who lost its job sends nothing, and no trouble of our own counts against a channel."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from service.errors import NotBegun, Temporary
from service.model import FetchPurpose, Message
from service.queue.claims import claimed
from service.store.notifications import notifications
from tests.support.app_fixture import RED, House

pytestmark = pytest.mark.databases("sqlite", "postgres")

AWAY = Temporary("web (json) answered 503")


async def red(house: House) -> str:
    """A red workflow, judged and asked about: its message is about to be sent."""
    delivery = await house.finish(RED)
    await house.process()
    await house.fetch(delivery, FetchPurpose.MESSAGE)
    return delivery


async def only(house: House, delivery: str) -> Any:
    """The only notification."""
    [notification] = (await house.show(delivery))["notifications"]
    return notification


async def tried(house: House) -> str:
    """A red workflow whose message was tried once."""
    delivery = await house.finish(RED)
    await house.drain()
    return delivery


async def test_job_that_is_another_worker_s_by_now_begins_nothing(house: House) -> None:
    delivery = await red(house)
    notification = (await only(house, delivery))["id"]

    with claimed(lambda _: False):
        await house.work("send", notification)

    assert house.channels.tried == []
    assert (await only(house, delivery))["attempts"] == []


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_attempt_of_another_worker_is_left_alone_while_its_lease_lasts(house: House) -> None:
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        frozen.set()
        await thawed.wait()

    house.channels.plan["web (json)"] = [freeze]
    delivery = await red(house)
    notification = (await only(house, delivery))["id"]
    first = asyncio.create_task(house.work("send", notification))
    await frozen.wait()
    await house.work("send", notification)
    thawed.set()
    await first

    found = await only(house, delivery)
    assert house.channels.tried == ["web (json)"]
    assert [(attempt["outcome"], attempt["reason"]) for attempt in found["attempts"]] == [("sent", None)]


@pytest.mark.parametrize("is_resent", [False, True])
async def test_late_success_of_an_interrupted_attempt_counts_unless_it_is_to_be_sent_again(
    house: House, is_resent: bool
) -> None:
    delivery = await red(house)
    notification_id, store = UUID((await only(house, delivery))["id"]), house.service.context.store
    attempt = await store.write(notifications.begin_attempt, notification_id, house.clock())
    assert attempt is not None
    await store.write(notifications.end_interrupted, notification_id, house.clock())
    if is_resent:
        await store.write(notifications.requeue, notification_id, at=house.clock(), patience=timedelta(hours=1))

    message = Message(title="red", text="red", markdown="red", html="red", severity="failure")
    counts = await store.write(
        notifications.record_sent, attempt, message=message, receipt="answered 200", at=house.clock()
    )

    found = await only(house, delivery)
    assert (counts, found["state"]) == (not is_resent, "pending" if is_resent else "sent")
    assert [(attempt["outcome"], attempt["reason"]) for attempt in found["attempts"]] == [("sent", None)]


async def test_trouble_of_our_own_database_counts_no_attempt_and_no_patience(house: House) -> None:
    delivery = await red(house)
    before = await only(house, delivery)

    with pytest.raises(Temporary):
        await house.service.pipeline.failed("send", UUID(before["id"]), Temporary("the database is away"))

    assert await only(house, delivery) == before


async def test_run_that_could_not_begin_leaves_the_attempt_of_another_run_alone(house: House) -> None:
    """A process that was taken for dead gets its own job again, while it still sends."""
    sending, taken = asyncio.Event(), asyncio.Event()

    async def take_time() -> None:
        sending.set()
        await taken.wait()

    house.channels.plan["web (json)"] = [take_time]
    delivery = await red(house)
    notification = (await only(house, delivery))["id"]
    first = asyncio.create_task(house.work("send", notification))
    await sending.wait()
    with pytest.raises(NotBegun):
        await house.service.pipeline.failed("send", UUID(notification), NotBegun("the database is away"))
    taken.set()
    await first
    await house.drain(minutes=5)

    attempts = (await only(house, delivery))["attempts"]
    assert [(attempt["outcome"], attempt["reason"]) for attempt in attempts] == [("sent", None)]
    assert house.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite")
async def test_run_whose_begin_cannot_be_stored_sends_nothing(house: House) -> None:
    delivery = await red(house)
    notification = (await only(house, delivery))["id"]
    await house.expect_the_database_within(1)

    with house.database.locked(), pytest.raises(NotBegun):
        await house.work("send", notification)

    assert house.channels.tried == []
    assert (await only(house, delivery))["attempts"] == []


@pytest.mark.long
async def test_begin_whose_commit_was_not_confirmed_is_no_attempt(house: House) -> None:
    """The answer to the commit was lost: the attempt is on record, and nothing was sent."""
    delivery = await red(house)
    notification_id, context = UUID((await only(house, delivery))["id"]), house.service.context
    until = house.clock() + timedelta(minutes=1)
    await context.store.write(notifications.begin_attempt, notification_id, house.clock(), until=until)
    context.unsure_begins.add((notification_id, house.clock()))

    await house.work("send", str(notification_id))

    found = await only(house, delivery)
    assert [(attempt["number"], attempt["outcome"]) for attempt in found["attempts"]] == [(1, "sent")]
    assert context.unsure_begins == set()


@pytest.mark.long
async def test_job_that_comes_too_early_leaves_one_for_the_right_time(house: House) -> None:
    """The judge's clock may be ahead of the sender's."""
    delivery = await red(house)
    notification = await only(house, delivery)
    house.clock.tick(seconds=-60)
    house.change("DELETE FROM jobs" if house.service.context.store.file else "DELETE FROM procrastinate_jobs")
    await house.work("send", notification["id"])

    assert house.jobs() == ["send"]
    await house.drain(seconds=60)
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_message_is_due_by_the_clock_of_the_database(house: House) -> None:
    house.channels.plan["web (json)"] = [AWAY]
    notification = (await only(house, await tried(house)))["id"]

    house.clock.now += timedelta(seconds=10)  # the worker's alone
    await house.work("send", notification)
    too_early, waiting = list(house.channels.told), house.jobs()
    house.clock.now -= timedelta(seconds=10)
    house.database.tell_time(house.clock() + timedelta(seconds=5))  # the database's alone
    await house.work("send", notification)

    assert (too_early, waiting) == ([], ["send"])
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_channel_that_names_a_long_time_gets_it_and_one_attempt_after_it(house: House) -> None:
    closed = Temporary("web (json) answered 429", retry_after_s=61 * 60)
    house.channels.plan["web (json)"] = [closed]
    delivery = await tried(house)

    await house.drain(minutes=60)
    meanwhile = await only(house, delivery)
    await house.drain(minutes=2)

    assert (meanwhile["state"], len(meanwhile["attempts"])) == ("pending", 1)
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_channel_that_asks_for_more_time_for_ever_is_given_up(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=86_400)] * 10
    delivery = await tried(house)

    for _ in range(4):
        await house.drain(hours=24, minutes=1)

    found = await only(house, delivery)
    assert (found["state"], len(found["attempts"])) == ("dead", 2)


@pytest.mark.long
async def test_time_for_which_a_retry_was_late_is_no_fault_of_the_channel(house: House) -> None:
    """The lane was full, or everything stood still: the channel still gets its time."""
    house.channels.plan["web (json)"] = [AWAY, AWAY]
    await tried(house)

    await house.drain(hours=3)
    await house.drain(minutes=1)

    assert house.channels.told == ["web (json)"]
