"""Heads of lanes: one job for each lane in which messages wait, also after it was lost."""

import asyncio
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from service.db.tables import Transaction
from service.errors import Temporary
from service.model import FetchPurpose, Notification
from service.pipeline.lanes.lane_heads import enqueue_heads, sweep
from service.store.notifications import notifications
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.mark.long
async def test_lane_that_lost_its_job_gets_one(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    instance.database.lose_jobs()

    await instance.service.pipeline.sweep()
    await instance.drain()

    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_each_lane_has_one_job_whatever_waits_in_it(folder: Path) -> None:
    channels = "[json://web.example.com, xml://web.example.com, form://web.example.com]"
    async with an_instance(folder, RED_TO_WEB.replace("[json://web.example.com]", channels)) as instance:
        for number in range(4):
            delivery = await instance.finish(replace(RED, number=number))
            await instance.process()
        planned = instance.database.jobs()
        instance.database.lose_jobs()
        await sweep(instance.service.context, max_lanes=2)
        found = instance.database.jobs()
        await instance.fetch(delivery, FetchPurpose.MESSAGE)
        pulled_forward = instance.database.jobs()
        released = instance.rows("SELECT id FROM notifications WHERE event_id = ?", UUID(delivery).hex)
        await instance.drain()

    lanes = {lane for _, _, lane in planned}
    assert [len(jobs) for jobs in (planned, found, pulled_forward)] == [3, 3, 3]
    assert {lane for _, _, lane in found} == {lane for _, _, lane in pulled_forward} == lanes
    assert {subject for _, subject, _ in pulled_forward} == {one.replace("-", "") for (one,) in released}
    assert len(instance.channels.told) == 12


async def test_lane_with_a_job_gets_no_second_one(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.process()
    before = ids_of_jobs(instance)

    await instance.service.pipeline.sweep()

    assert ids_of_jobs(instance) == before


def ids_of_jobs(instance: Instance) -> list[object]:
    return instance.rows(
        "SELECT id FROM jobs" if instance.service.context.store.file else "SELECT id FROM procrastinate_jobs"
    )


@pytest.mark.long
async def test_message_that_was_put_off_is_again_the_first_of_its_lane(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=1800)]
    for number in (1, 2):
        await instance.finish(replace(RED, number=number))
        await instance.drain()
        instance.clock.tick(seconds=1)
    waiting = instance.jobs()
    await instance.drain(minutes=31)

    assert waiting == ["send"]
    assert told(instance) == ["Pipeline 1", "Pipeline 2"]


@pytest.mark.long
async def test_message_that_was_put_off_keeps_no_other_waiting(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("web (json) answered 503")]
    for number in (1, 2):
        await instance.finish(replace(RED, number=number))
        await instance.drain()

    assert (told(instance), instance.jobs()) == (["Pipeline 2"], ["send"])


def told(instance: Instance) -> list[str]:
    return [message.text.partition(",")[0] for _, message in instance.channels.took]


@pytest.mark.long
async def test_messages_of_one_batch_are_sent_in_the_order_of_their_events(instance: Instance) -> None:
    deliveries = []
    for number in range(8):
        deliveries.append(await instance.finish(replace(RED, number=number)))
        instance.clock.tick(seconds=1)
    await instance.process()

    await instance.drain(minutes=3)

    assert told(instance) == [f"Pipeline {number}" for number in range(8)]


@pytest.mark.long
async def test_lane_has_one_job_after_many_changes_at_once(instance: Instance) -> None:
    context = instance.service.context
    for number in range(8):
        await instance.finish(replace(RED, number=number))
    await instance.process()
    topics = [topic for (topic,) in instance.rows("SELECT topic FROM notifications")]
    planned = await context.store.read(notifications.of_topics, topics)

    def release(transaction: Transaction, one: Notification) -> None:
        notifications.release(transaction, [one.id], instance.clock())
        enqueue_heads(transaction, context.jobs, [one], instance.clock())

    await asyncio.gather(*(context.store.write(release, one) for one in planned))
    released = instance.jobs()
    await instance.drain()

    assert (released, len(instance.channels.told), instance.jobs()) == (["send"], 8, [])


async def test_settled_work_gets_no_job(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    await instance.drain(minutes=3)

    await instance.service.pipeline.sweep()

    assert instance.jobs() == []


async def test_second_sweep_changes_nothing(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.process()
    instance.database.lose_jobs()
    instance.clock.tick(seconds=121)

    await instance.service.pipeline.sweep()
    instance.database.repeat_jobs()
    await instance.drain()

    assert instance.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_started_service_sweeps_by_itself(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.process()
    instance.database.lose_jobs()
    instance.clock.tick(seconds=121)
    told = instance.expect_word("web (json)")

    async with instance.running():
        await told.wait()

    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_interrupted_send_is_sent_again_and_recorded_so(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    instance.change("UPDATE notifications SET state = 'sending', attempts = 1")
    instance.change(
        "INSERT INTO attempts (notification_id, number, started_at, outcome) "
        "SELECT id, 1, created_at, state FROM notifications"
    )
    told = instance.expect_word("web (json)")

    async with instance.running():
        await told.wait()

    [(outcome, reason), (again, _)] = instance.rows("SELECT outcome, reason FROM attempts ORDER BY number")
    assert (outcome, again) == ("interrupted", "sent")
    assert reason == "Roundsman was stopped during this attempt: it may have arrived"
