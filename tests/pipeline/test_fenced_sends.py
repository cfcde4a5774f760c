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
from tests.support.app_fixture import RED, Instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

AWAY = Temporary("web (json) answered 503")


async def red(instance: Instance) -> str:
    """A red workflow, judged and asked about: its message is about to be sent."""
    delivery = await instance.finish(RED)
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    return delivery


async def only(instance: Instance, delivery: str) -> Any:
    """The only notification."""
    [notification] = (await instance.show(delivery))["notifications"]
    return notification


async def tried(instance: Instance) -> str:
    """A red workflow whose message was tried once."""
    delivery = await instance.finish(RED)
    await instance.drain()
    return delivery


async def test_job_that_is_another_worker_s_by_now_begins_nothing(instance: Instance) -> None:
    delivery = await red(instance)
    notification = (await only(instance, delivery))["id"]

    with claimed(lambda _: False):
        await instance.work("send", notification)

    assert instance.channels.tried == []
    assert (await only(instance, delivery))["attempts"] == []


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_attempt_of_another_worker_is_left_alone_while_its_lease_lasts(instance: Instance) -> None:
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        frozen.set()
        await thawed.wait()

    instance.channels.plan["web (json)"] = [freeze]
    delivery = await red(instance)
    notification = (await only(instance, delivery))["id"]
    first = asyncio.create_task(instance.work("send", notification))
    await frozen.wait()
    await instance.work("send", notification)
    thawed.set()
    await first

    found = await only(instance, delivery)
    assert instance.channels.tried == ["web (json)"]
    assert [(attempt["outcome"], attempt["reason"]) for attempt in found["attempts"]] == [("sent", None)]


@pytest.mark.parametrize("is_resent", [False, True])
async def test_late_success_of_an_interrupted_attempt_counts_unless_it_is_to_be_sent_again(
    instance: Instance, is_resent: bool
) -> None:
    delivery = await red(instance)
    notification_id, store = UUID((await only(instance, delivery))["id"]), instance.service.context.store
    attempt = await store.write(notifications.begin_attempt, notification_id, instance.clock())
    assert attempt is not None
    await store.write(notifications.end_interrupted, notification_id, instance.clock())
    if is_resent:
        await store.write(notifications.requeue, notification_id, at=instance.clock(), patience=timedelta(hours=1))

    message = Message(title="red", text="red", markdown="red", html="red", severity="failure")
    counts = await store.write(
        notifications.record_sent, attempt, message=message, receipt="answered 200", at=instance.clock()
    )

    found = await only(instance, delivery)
    assert (counts, found["state"]) == (not is_resent, "pending" if is_resent else "sent")
    assert [(attempt["outcome"], attempt["reason"]) for attempt in found["attempts"]] == [("sent", None)]


async def test_trouble_of_our_own_database_counts_no_attempt_and_no_patience(instance: Instance) -> None:
    delivery = await red(instance)
    before = await only(instance, delivery)

    with pytest.raises(Temporary):
        await instance.service.pipeline.failed("send", UUID(before["id"]), Temporary("the database is away"))

    assert await only(instance, delivery) == before


async def test_run_that_could_not_begin_leaves_the_attempt_of_another_run_alone(instance: Instance) -> None:
    """A process that was taken for dead gets its own job again, while it still sends."""
    sending, taken = asyncio.Event(), asyncio.Event()

    async def take_time() -> None:
        sending.set()
        await taken.wait()

    instance.channels.plan["web (json)"] = [take_time]
    delivery = await red(instance)
    notification = (await only(instance, delivery))["id"]
    first = asyncio.create_task(instance.work("send", notification))
    await sending.wait()
    with pytest.raises(NotBegun):
        await instance.service.pipeline.failed("send", UUID(notification), NotBegun("the database is away"))
    taken.set()
    await first
    await instance.drain(minutes=5)

    attempts = (await only(instance, delivery))["attempts"]
    assert [(attempt["outcome"], attempt["reason"]) for attempt in attempts] == [("sent", None)]
    assert instance.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite")
async def test_run_whose_begin_cannot_be_stored_sends_nothing(instance: Instance) -> None:
    delivery = await red(instance)
    notification = (await only(instance, delivery))["id"]
    await instance.expect_the_database_within(1)

    with instance.database.locked(), pytest.raises(NotBegun):
        await instance.work("send", notification)

    assert instance.channels.tried == []
    assert (await only(instance, delivery))["attempts"] == []


@pytest.mark.long
async def test_begin_whose_commit_was_not_confirmed_is_no_attempt(instance: Instance) -> None:
    """The answer to the commit was lost: the attempt is on record, and nothing was sent."""
    delivery = await red(instance)
    notification_id, context = UUID((await only(instance, delivery))["id"]), instance.service.context
    until = instance.clock() + timedelta(minutes=1)
    await context.store.write(notifications.begin_attempt, notification_id, instance.clock(), until=until)
    context.unsure_begins.add((notification_id, instance.clock()))

    await instance.work("send", str(notification_id))

    found = await only(instance, delivery)
    assert [(attempt["number"], attempt["outcome"]) for attempt in found["attempts"]] == [(1, "sent")]
    assert context.unsure_begins == set()


@pytest.mark.long
async def test_job_that_comes_too_early_leaves_one_for_the_right_time(instance: Instance) -> None:
    """The judge's clock may be ahead of the sender's."""
    delivery = await red(instance)
    notification = await only(instance, delivery)
    instance.clock.tick(seconds=-60)
    instance.change("DELETE FROM jobs" if instance.service.context.store.file else "DELETE FROM procrastinate_jobs")
    await instance.work("send", notification["id"])

    assert instance.jobs() == ["send"]
    await instance.drain(seconds=60)
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_message_is_due_by_the_clock_of_the_database(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY]
    notification = (await only(instance, await tried(instance)))["id"]

    instance.clock.now += timedelta(seconds=10)  # the worker's alone
    await instance.work("send", notification)
    too_early, waiting = list(instance.channels.told), instance.jobs()
    instance.clock.now -= timedelta(seconds=10)
    instance.database.tell_time(instance.clock() + timedelta(seconds=5))  # the database's alone
    await instance.work("send", notification)

    assert (too_early, waiting) == ([], ["send"])
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_channel_that_names_a_long_time_gets_it_and_one_attempt_after_it(instance: Instance) -> None:
    closed = Temporary("web (json) answered 429", retry_after_s=61 * 60)
    instance.channels.plan["web (json)"] = [closed]
    delivery = await tried(instance)

    await instance.drain(minutes=60)
    meanwhile = await only(instance, delivery)
    await instance.drain(minutes=2)

    assert (meanwhile["state"], len(meanwhile["attempts"])) == ("pending", 1)
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_channel_that_asks_for_more_time_for_ever_is_given_up(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=86_400)] * 10
    delivery = await tried(instance)

    for _ in range(4):
        await instance.drain(hours=24, minutes=1)

    found = await only(instance, delivery)
    assert (found["state"], len(found["attempts"])) == ("dead", 2)


@pytest.mark.long
async def test_time_for_which_a_retry_was_late_is_no_fault_of_the_channel(instance: Instance) -> None:
    """The lane was full, or everything stood still: the channel still gets its time."""
    instance.channels.plan["web (json)"] = [AWAY, AWAY]
    await tried(instance)

    await instance.drain(hours=3)
    await instance.drain(minutes=1)

    assert instance.channels.told == ["web (json)"]
