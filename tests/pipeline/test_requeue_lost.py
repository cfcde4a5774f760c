"""The sweep: work whose job was lost gets a new one within about a minute."""

from dataclasses import replace

import pytest

from service.errors import Temporary
from service.model import FetchPurpose
from service.pipeline.requeue_lost import sweep
from tests.app_fixture import RED, House

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])


async def test_a_notification_that_lost_its_jobs_is_sent_after_a_minute(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=61)

    await house.service.pipeline.sweep()
    await house.drain()

    assert house.channels.told == ["web (json)"]


async def test_sweep_reads_a_long_backlog_in_batches(house: House) -> None:
    for number in range(3):
        await house.finish(replace(RED, number=number))
        await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=61)

    await sweep(house.service.context, batch_size=2)

    assert house.jobs() == ["send"] * 3


async def test_work_that_is_not_overdue_gets_no_job(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=60)

    await house.service.pipeline.sweep()

    assert house.jobs() == []


async def test_work_with_a_job_gets_no_second_job(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.clock.tick(hours=1)

    await house.service.pipeline.sweep()

    assert house.jobs() == ["send"]


async def test_notification_before_its_next_attempt_gets_no_second_job(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=1800)]
    await house.finish(RED)
    await house.drain()
    await house.drain(minutes=3)
    before = house.jobs()

    await house.service.pipeline.sweep()

    assert set(before) == {"send"}
    assert house.jobs() == before


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
    house.clock.tick(seconds=61)

    await house.service.pipeline.sweep()
    house.database.repeat_jobs()
    await house.drain()

    assert house.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite", "postgres")
async def test_a_started_service_sweeps_by_itself(house: House) -> None:
    await house.finish(RED)
    await house.process()
    house.database.lose_jobs()
    house.clock.tick(seconds=61)
    told = house.expect_word("web (json)")

    async with house.running():
        await told.wait()

    assert house.channels.told == ["web (json)"]


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
