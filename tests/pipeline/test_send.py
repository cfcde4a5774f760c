"""Sends: each job makes one attempt and records its outcome, and no channel suffers for another."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from service.errors import Permanent, Temporary
from service.model import FetchPurpose
from service.store.notifications import notifications
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance
from tests.support.queue_fixture import acting, acting_async

pytestmark = pytest.mark.databases("sqlite", "postgres")

TWO_CHANNELS = RED_TO_WEB.replace("[json://web.example.com]", "[json://web.example.com, xml://web.example.com]")
AWAY = Temporary("web (json) answered 503")


@pytest.fixture
async def two(folder: Path) -> AsyncIterator[Instance]:
    """An instance with two channels."""
    async with an_instance(folder, TWO_CHANNELS) as instance:
        yield instance


async def red(instance: Instance) -> str:
    """A red workflow, judged and asked about: its messages are about to be sent."""
    delivery = await instance.finish(RED)
    await instance.process()
    await instance.fetch(delivery, FetchPurpose.MESSAGE)
    return delivery


async def only(instance: Instance, delivery: str) -> Any:
    """The only notification."""
    [notification] = (await instance.show(delivery))["notifications"]
    return notification


async def test_sent_message_is_recorded_with_its_receipt(instance: Instance) -> None:
    notification = await only(instance, await sent(instance))

    assert notification["state"] == "sent"
    assert notification["title"] == "acme/web main: build-and-test failed"
    assert notification["words"].startswith("Pipeline 1487, after 5 min. https://")
    [attempt] = notification["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["receipt"]) == (1, "sent", "taken")
    assert instance.counted("attempts", channel="json", outcome="sent") == 1


async def sent(instance: Instance) -> str:
    delivery = await red(instance)
    await instance.drain()
    return delivery


@pytest.mark.long
async def test_message_links_to_our_page_if_public_url_is_set(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_PUBLIC_URL="https://ci.example.com") as instance:
        delivery = await sent(instance)

    assert f"https://ci.example.com/builds/{delivery}" in instance.channels.took[0][1].text


@pytest.mark.databases("sqlite", "postgres")
async def test_one_job_is_one_attempt(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY]
    delivery = await sent(instance)

    notification = await only(instance, delivery)
    assert (notification["state"], notification["reason"]) == ("pending", "web (json) answered 503")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"]
    assert notification["next_attempt_at"] == "2026-03-02T09:30:05.000Z"
    assert instance.counted("attempts", channel="json", outcome="put_off") == 1


@pytest.mark.long
async def test_the_next_attempt_is_made_at_its_time_and_not_before(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY]
    await sent(instance)

    await instance.drain(seconds=4.9)
    too_early = len(instance.channels.tried)
    await instance.drain(seconds=0.1)

    assert (too_early, len(instance.channels.tried)) == (1, 2)
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_pauses_grow_for_an_hour_and_then_a_person_has_to_look(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary(f"answer {n}") for n in range(1, 100)]
    delivery = await sent(instance)
    while (waits := await only(instance, delivery))["state"] == "pending":
        pause_s = (datetime.fromisoformat(waits["next_attempt_at"]) - instance.clock()).total_seconds()
        await instance.drain(seconds=10 * ceil(pause_s / 10))

    notification = await only(instance, delivery)
    assert (notification["state"], notification["reason"]) == ("dead", "answer 12")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"] * 11 + ["dead"]
    assert notification["attempts"][-1]["started_at"] < notification["give_up_at"]
    [dead] = (await instance.dead_letters())["notifications"]
    assert dead["id"] == notification["id"]
    assert instance.counted("dead_letters", what="notification") == 1


@pytest.mark.long
async def test_permanent_error_is_not_retried(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    delivery = await sent(instance)

    await instance.drain(hours=2)

    notification = await only(instance, delivery)
    assert (notification["state"], notification["reason"]) == ("dead", "web (json) answered 404")
    assert len(instance.channels.tried) == 1


async def test_a_channel_that_asks_for_time_gets_it(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=90)]
    await sent(instance)

    await instance.drain(seconds=89)
    too_early = len(instance.channels.tried)
    await instance.drain(seconds=1)

    assert (too_early, instance.channels.told) == (1, ["web (json)"])


@pytest.mark.long
async def test_a_failing_channel_neither_repeats_nor_delays_another(two: Instance) -> None:
    two.channels.plan["web (json)"] = [AWAY, AWAY]
    await sent(two)
    told_at_once = list(two.channels.told)

    await two.drain(seconds=5)
    await two.drain(seconds=10)

    assert told_at_once == ["web (xml)"]
    assert two.channels.told == ["web (xml)", "web (json)"]


@pytest.mark.long
async def test_a_channel_that_hangs_delays_no_other(two: Instance) -> None:
    told = asyncio.Event()
    two.channels.plan = {"web (json)": [acting_async(told.wait)], "web (xml)": [acting(told.set)]}

    await sent(two)

    assert sorted(two.channels.told) == ["web (json)", "web (xml)"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_channel_that_is_no_longer_configured_waits_for_a_person(folder: Path) -> None:
    async with an_instance(folder) as instance:
        delivery = await red(instance)
    async with an_instance(folder, RED_TO_WEB.replace("web.example", "ops.example")) as instance:
        await instance.drain()
        waits = await only(instance, delivery)
        for _ in range(6):
            await instance.drain(seconds=150)
        notification = await only(instance, delivery)

    assert (waits["state"], waits["attempts"]) == ("pending", [])
    alone = "web (json) is no longer in roundsman.yaml as it was: it waits until "
    beside_others = "web (json) is not in this worker's roundsman.yaml: it waits until "
    assert waits["reason"].startswith(beside_others if instance.service.context.store.is_shared else alone)
    assert notification["state"] == "dead"
    assert notification["reason"].startswith("web (json) is no longer in roundsman.yaml as it was; ")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["dead"]
    assert instance.channels.tried == []


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_channel_of_another_worker_is_sent_by_it_with_all_its_time(folder: Path) -> None:
    async with an_instance(folder) as new:
        delivery = await red(new)
        async with an_instance(folder, RED_TO_WEB.replace("web.example", "ops.example"), clock=new.clock) as old:
            for _ in range(5):
                await old.drain(seconds=120)
        new.channels.plan["web (json)"] = [AWAY]
        await new.drain(seconds=30)
        await new.drain(seconds=30)
        notification = await only(new, delivery)

    assert old.channels.tried == []
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off", "sent"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_unknown_channel_has_its_whole_time_each_time(folder: Path) -> None:
    other = RED_TO_WEB.replace("web.example", "ops.example")
    async with an_instance(folder) as instance:
        delivery = await red(instance)
        clock = instance.clock
    for _ in range(2):
        async with an_instance(folder, other, clock=clock) as without:
            for _ in range(5):
                await without.drain(seconds=120)
            clock = without.clock
        async with an_instance(folder, clock=clock) as instance:
            instance.channels.plan["web (json)"] = [AWAY] * 100
            await instance.drain(seconds=30)
            notification = await only(instance, delivery)

    assert notification["state"] == "pending"
    assert {attempt["outcome"] for attempt in notification["attempts"]} == {"put_off"}


@pytest.mark.long
async def test_unexpected_notifier_error_is_a_failed_attempt(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [ValueError("unforeseen")]
    delivery = await sent(instance)
    notification = await only(instance, delivery)

    await instance.drain(seconds=5)

    assert notification["reason"] == "ValueError: unforeseen"
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"]
    assert instance.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite")
async def test_unrenderable_message_is_a_failed_attempt_on_sqlite(instance: Instance) -> None:
    """Nothing was sent, and yet the record must show the attempt."""
    await red(instance)
    instance.change("UPDATE events SET via = 'webhook', happened_at = 'never'")
    await instance.drain()
    [notification] = [UUID(row[0]) for row in instance.rows("SELECT id FROM notifications")]
    await instance.service.pipeline.failed("send", notification, ValueError("once more, too early"))

    [(state, attempts, reason)] = instance.rows("SELECT state, attempts, reason FROM notifications")
    assert (state, attempts) == ("pending", 1)
    assert reason.startswith("ValueError")


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_sent_message_is_not_repeated_after_a_database_outage_on_sqlite(instance: Instance) -> None:
    lock = instance.database.locked()

    async def another_process_takes_it() -> None:
        await instance.expect_the_database_within(1)
        lock.__enter__()
        asyncio.get_running_loop().call_later(0.1, lock.__exit__, None, None, None)

    instance.channels.plan["web (json)"] = [another_process_takes_it]
    with capture_logs() as logs:
        notification = await only(instance, await sent(instance))

    assert "an attempt waits to be recorded" in [line["event"] for line in logs]
    assert notification["state"] == "sent"
    assert len(notification["attempts"]) == 1
    assert instance.channels.told == ["web (json)"]


@pytest.mark.long
async def test_a_dead_letter_is_sent_when_a_person_says_so(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    delivery = await sent(instance)
    notification = await only(instance, delivery)
    instance.clock.tick(days=3)

    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain()

    again = await only(instance, delivery)
    assert (again["state"], again["reason"]) == ("sent", None)
    assert [attempt["outcome"] for attempt in again["attempts"]] == ["dead", "sent"]
    assert (await instance.show(delivery))["actions"][0]["verb"] == "resend"


@pytest.mark.long
async def test_a_resend_has_an_hour_of_its_own(instance: Instance) -> None:
    delivery = await sent(instance)
    notification = await only(instance, delivery)
    instance.clock.tick(days=3)
    instance.channels.plan["web (json)"] = [AWAY]

    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain()
    await instance.drain(seconds=10)

    assert instance.channels.told == ["web (json)", "web (json)"]
    assert (await only(instance, delivery))["state"] == "sent"


@pytest.mark.long
async def test_of_all_attempts_those_are_marked_that_an_operator_asked_for(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [AWAY, Permanent("web (json) answered 404"), AWAY]
    delivery = await sent(instance)
    await instance.drain(minutes=1)
    instance.clock.tick(days=3)

    [waiting] = (await instance.dead_letters())["notifications"]
    await instance.act(f"notifications/{waiting['id']}/resend")
    await instance.drain()
    await instance.drain(minutes=1)

    attempts = (await only(instance, delivery))["attempts"]
    assert [(attempt["outcome"], attempt["asked_by"]) for attempt in attempts] == [
        ("put_off", None),
        ("dead", None),
        ("put_off", "api token of admin"),
        ("sent", None),
    ]
    assert [attempt["asked_by"] for attempt in waiting["attempts"]] == [None, None]


@pytest.mark.long
async def test_what_was_said_first_stays_on_record_when_a_resend_says_something_else(instance: Instance) -> None:
    delivery = await sent(instance)
    notification = await only(instance, delivery)
    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain()
    instance.change("UPDATE events SET branch = 'release/7'")
    await instance.act(f"notifications/{notification['id']}/resend")
    await instance.drain(seconds=10)

    first, same, other = (await only(instance, delivery))["attempts"]

    assert first["title"] == "acme/web main: build-and-test failed"
    assert first["words"] == notification["words"]
    assert (same["outcome"], same["title"], same["words"]) == ("sent", None, None)
    assert other["title"] == "acme/web release/7: build-and-test failed"


@pytest.mark.databases("sqlite", "postgres")
async def test_of_all_who_begin_one_attempt_at_once_one_gets_it(instance: Instance) -> None:
    notification = UUID((await only(instance, await red(instance)))["id"])
    store, now = instance.service.context.store, instance.clock()

    begun = await asyncio.gather(*(store.write(notifications.begin_attempt, notification, now) for _ in range(5)))

    assert [attempt.number for attempt in begun if attempt] == [1]


@pytest.mark.long
@pytest.mark.parametrize("error", [AWAY, Permanent("web (json) answered 404")])
async def test_an_attempt_that_was_frozen_and_taken_for_dead_changes_nothing_when_it_fails(
    instance: Instance, error: Exception
) -> None:
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        frozen.set()
        await thawed.wait()
        raise error

    instance.channels.plan["web (json)"] = [freeze]
    delivery = await red(instance)
    notification = (await only(instance, delivery))["id"]
    first = asyncio.create_task(instance.work("send", notification))
    await frozen.wait()
    instance.clock.tick(minutes=1)  # longer than an attempt counts as under way
    await instance.work("send", notification)
    taken_over, waiting = await only(instance, delivery), instance.jobs()
    thawed.set()
    await first

    assert taken_over["state"] == "sent"
    assert await only(instance, delivery) == taken_over
    assert instance.jobs() == waiting
    assert instance.counted("dead_letters", what="notification") == 0


async def test_a_failure_of_what_was_settled_meanwhile_changes_nothing(instance: Instance) -> None:
    delivery = await sent(instance)
    before = await only(instance, delivery)

    await instance.service.pipeline.failed("send", UUID(before["id"]), ValueError("too late to matter"))

    assert await only(instance, delivery) == before
