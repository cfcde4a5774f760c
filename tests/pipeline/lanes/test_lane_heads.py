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
from tests.support.app_fixture import RED, RED_TO_WEB, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.mark.long
async def test_lane_that_lost_its_job_gets_one(house: House) -> None:
    delivery = await house.finish(RED)
    await house.process()
    await house.fetch(delivery, FetchPurpose.MESSAGE)
    house.database.lose_jobs()

    await house.service.pipeline.sweep()
    await house.drain()

    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_each_lane_has_one_job_whatever_waits_in_it(folder: Path) -> None:
    channels = "[json://web.example.com, xml://web.example.com, form://web.example.com]"
    async with a_house(folder, RED_TO_WEB.replace("[json://web.example.com]", channels)) as house:
        for number in range(4):
            delivery = await house.finish(replace(RED, number=number))
            await house.process()
        planned = house.database.jobs()
        house.database.lose_jobs()
        await sweep(house.service.context, max_lanes=2)
        found = house.database.jobs()
        await house.fetch(delivery, FetchPurpose.MESSAGE)
        pulled_forward = house.database.jobs()
        released = house.rows("SELECT id FROM notifications WHERE event_id = ?", UUID(delivery).hex)
        await house.drain()

    lanes = {lane for _, _, lane in planned}
    assert [len(jobs) for jobs in (planned, found, pulled_forward)] == [3, 3, 3]
    assert {lane for _, _, lane in found} == {lane for _, _, lane in pulled_forward} == lanes
    assert {subject for _, subject, _ in pulled_forward} == {one.replace("-", "") for (one,) in released}
    assert len(house.channels.told) == 12


async def test_lane_with_a_job_gets_no_second_one(house: House) -> None:
    await house.finish(RED)
    await house.process()
    before = ids_of_jobs(house)

    await house.service.pipeline.sweep()

    assert ids_of_jobs(house) == before


def ids_of_jobs(house: House) -> list[object]:
    return house.rows(
        "SELECT id FROM jobs" if house.service.context.store.file else "SELECT id FROM procrastinate_jobs"
    )


@pytest.mark.long
async def test_message_that_was_put_off_is_again_the_first_of_its_lane(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=1800)]
    for number in (1, 2):
        await house.finish(replace(RED, number=number))
        await house.drain()
        house.clock.tick(seconds=1)
    waiting = house.jobs()
    await house.drain(minutes=31)

    assert waiting == ["send"]
    assert told(house) == ["Pipeline 1", "Pipeline 2"]


@pytest.mark.long
async def test_message_that_was_put_off_keeps_no_other_waiting(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("web (json) answered 503")]
    for number in (1, 2):
        await house.finish(replace(RED, number=number))
        await house.drain()

    assert (told(house), house.jobs()) == (["Pipeline 2"], ["send"])


def told(house: House) -> list[str]:
    return [message.text.partition(",")[0] for _, message in house.channels.took]


@pytest.mark.long
async def test_messages_of_one_batch_are_sent_in_the_order_of_their_events(house: House) -> None:
    deliveries = []
    for number in range(8):
        deliveries.append(await house.finish(replace(RED, number=number)))
        house.clock.tick(seconds=1)
    await house.process()

    await house.drain(minutes=3)

    assert told(house) == [f"Pipeline {number}" for number in range(8)]


@pytest.mark.long
async def test_lane_has_one_job_after_many_changes_at_once(house: House) -> None:
    context = house.service.context
    for number in range(8):
        await house.finish(replace(RED, number=number))
    await house.process()
    topics = [topic for (topic,) in house.rows("SELECT topic FROM notifications")]
    planned = await context.store.read(notifications.of_topics, topics)

    def release(transaction: Transaction, one: Notification) -> None:
        notifications.release(transaction, [one.id], house.clock())
        enqueue_heads(transaction, context.jobs, [one], house.clock())

    await asyncio.gather(*(context.store.write(release, one) for one in planned))
    released = house.jobs()
    await house.drain()

    assert (released, len(house.channels.told), house.jobs()) == (["send"], 8, [])


async def test_settled_work_gets_no_job(house: House) -> None:
    await house.finish(RED)
    await house.drain()
    await house.drain(minutes=3)

    await house.service.pipeline.sweep()

    assert house.jobs() == []


async def test_second_sweep_changes_nothing(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=121)

    await house.service.pipeline.sweep()
    house.database.repeat_jobs()
    await house.drain()

    assert house.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_started_service_sweeps_by_itself(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=121)
    told = house.expect_word("web (json)")

    async with house.running():
        await told.wait()

    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_interrupted_send_is_sent_again_and_recorded_so(house: House) -> None:
    delivery = await house.finish(RED)
    await house.process()
    await house.fetch(delivery, FetchPurpose.MESSAGE)
    house.change("UPDATE notifications SET state = 'sending', attempts = 1")
    house.change(
        "INSERT INTO attempts (notification_id, number, started_at, outcome) "
        "SELECT id, 1, created_at, state FROM notifications"
    )
    told = house.expect_word("web (json)")

    async with house.running():
        await told.wait()

    [(outcome, reason), (again, _)] = house.rows("SELECT outcome, reason FROM attempts ORDER BY number")
    assert (outcome, again) == ("interrupted", "sent")
    assert reason == "Roundsman was stopped during this attempt: it may have arrived"
