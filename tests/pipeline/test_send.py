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
from tests.support.app_fixture import RED, RED_TO_WEB, House, a_house
from tests.support.queue_fixture import acting, acting_async

pytestmark = pytest.mark.databases("sqlite", "postgres")

TWO_CHANNELS = RED_TO_WEB.replace("[json://web.example.com]", "[json://web.example.com, xml://web.example.com]")
AWAY = Temporary("web (json) answered 503")


@pytest.fixture
async def two(folder: Path) -> AsyncIterator[House]:
    """A house with two channels."""
    async with a_house(folder, TWO_CHANNELS) as house:
        yield house


async def red(house: House) -> str:
    """A red workflow, judged and asked about: its messages are about to be sent."""
    delivery = await house.finish(RED)
    await house.process()
    await house.fetch(delivery, FetchPurpose.MESSAGE)
    return delivery


async def only(house: House, delivery: str) -> Any:
    """The only notification."""
    [notification] = (await house.show(delivery))["notifications"]
    return notification


async def test_sent_message_is_recorded_with_its_receipt(house: House) -> None:
    notification = await only(house, await sent(house))

    assert notification["state"] == "sent"
    assert notification["title"] == "acme/web main: build-and-test failed"
    assert notification["words"].startswith("Pipeline 1487, after 5m 00s. https://")
    [attempt] = notification["attempts"]
    assert (attempt["number"], attempt["outcome"], attempt["receipt"]) == (1, "sent", "taken")
    assert house.counted("attempts", channel="json", outcome="sent") == 1


async def sent(house: House) -> str:
    delivery = await red(house)
    await house.drain()
    return delivery


@pytest.mark.long
async def test_message_links_to_our_page_if_public_url_is_set(folder: Path) -> None:
    async with a_house(folder, ROUNDSMAN_PUBLIC_URL="https://ci.example.com") as house:
        delivery = await sent(house)

    assert f"https://ci.example.com/builds/{delivery}" in house.channels.took[0][1].text


@pytest.mark.databases("sqlite", "postgres")
async def test_one_job_is_one_attempt(house: House) -> None:
    house.channels.plan["web (json)"] = [AWAY]
    delivery = await sent(house)

    notification = await only(house, delivery)
    assert (notification["state"], notification["reason"]) == ("pending", "web (json) answered 503")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"]
    assert notification["next_attempt_at"] == "2026-03-02T09:30:05.000Z"
    assert house.counted("attempts", channel="json", outcome="put_off") == 1


@pytest.mark.long
async def test_the_next_attempt_is_made_at_its_time_and_not_before(house: House) -> None:
    house.channels.plan["web (json)"] = [AWAY]
    await sent(house)

    await house.drain(seconds=4.9)
    too_early = len(house.channels.tried)
    await house.drain(seconds=0.1)

    assert (too_early, len(house.channels.tried)) == (1, 2)
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_pauses_grow_for_an_hour_and_then_a_person_has_to_look(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary(f"answer {n}") for n in range(1, 100)]
    delivery = await sent(house)
    while (waits := await only(house, delivery))["state"] == "pending":
        pause_s = (datetime.fromisoformat(waits["next_attempt_at"]) - house.clock()).total_seconds()
        await house.drain(seconds=10 * ceil(pause_s / 10))

    notification = await only(house, delivery)
    assert (notification["state"], notification["reason"]) == ("dead", "answer 12")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"] * 11 + ["dead"]
    assert notification["attempts"][-1]["started_at"] < notification["give_up_at"]
    [dead] = (await house.dead_letters())["notifications"]
    assert dead["id"] == notification["id"]
    assert house.counted("dead_letters", what="notification") == 1


@pytest.mark.long
async def test_permanent_error_is_not_retried(house: House) -> None:
    house.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    delivery = await sent(house)

    await house.drain(hours=2)

    notification = await only(house, delivery)
    assert (notification["state"], notification["reason"]) == ("dead", "web (json) answered 404")
    assert len(house.channels.tried) == 1


async def test_a_channel_that_asks_for_time_gets_it(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("web (json) answered 429", retry_after_s=90)]
    await sent(house)

    await house.drain(seconds=89)
    too_early = len(house.channels.tried)
    await house.drain(seconds=1)

    assert (too_early, house.channels.told) == (1, ["web (json)"])


@pytest.mark.long
async def test_a_failing_channel_neither_repeats_nor_delays_another(two: House) -> None:
    two.channels.plan["web (json)"] = [AWAY, AWAY]
    await sent(two)
    told_at_once = list(two.channels.told)

    await two.drain(seconds=5)
    await two.drain(seconds=10)

    assert told_at_once == ["web (xml)"]
    assert two.channels.told == ["web (xml)", "web (json)"]


@pytest.mark.long
async def test_a_channel_that_hangs_delays_no_other(two: House) -> None:
    told = asyncio.Event()
    two.channels.plan = {"web (json)": [acting_async(told.wait)], "web (xml)": [acting(told.set)]}

    await sent(two)

    assert sorted(two.channels.told) == ["web (json)", "web (xml)"]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_channel_that_is_no_longer_configured_waits_for_a_person(folder: Path) -> None:
    async with a_house(folder) as house:
        delivery = await red(house)
    async with a_house(folder, RED_TO_WEB.replace("web.example", "ops.example")) as house:
        await house.drain()
        waits = await only(house, delivery)
        for _ in range(6):
            await house.drain(seconds=150)
        notification = await only(house, delivery)

    assert (waits["state"], waits["attempts"]) == ("pending", [])
    assert waits["reason"].startswith("web (json) is not in this worker's roundsman.yaml: it waits until ")
    assert notification["state"] == "dead"
    assert notification["reason"].startswith("web (json) is no longer in roundsman.yaml as it was; ")
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["dead"]
    assert house.channels.tried == []


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_channel_of_another_worker_is_sent_by_it_with_all_its_time(folder: Path) -> None:
    async with a_house(folder) as new:
        delivery = await red(new)
        async with a_house(folder, RED_TO_WEB.replace("web.example", "ops.example"), clock=new.clock) as old:
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
    async with a_house(folder) as house:
        delivery = await red(house)
        clock = house.clock
    for _ in range(2):
        async with a_house(folder, other, clock=clock) as without:
            for _ in range(5):
                await without.drain(seconds=120)
            clock = without.clock
        async with a_house(folder, clock=clock) as house:
            house.channels.plan["web (json)"] = [AWAY] * 100
            await house.drain(seconds=30)
            notification = await only(house, delivery)

    assert notification["state"] == "pending"
    assert {attempt["outcome"] for attempt in notification["attempts"]} == {"put_off"}


@pytest.mark.long
async def test_unexpected_notifier_error_is_a_failed_attempt(house: House) -> None:
    house.channels.plan["web (json)"] = [ValueError("unforeseen")]
    delivery = await sent(house)
    notification = await only(house, delivery)

    await house.drain(seconds=5)

    assert notification["reason"] == "ValueError: unforeseen"
    assert [attempt["outcome"] for attempt in notification["attempts"]] == ["put_off"]
    assert house.channels.told == ["web (json)"]


@pytest.mark.databases("sqlite")
async def test_unrenderable_message_is_a_failed_attempt_on_sqlite(house: House) -> None:
    """Nothing was sent, and yet the record must show the attempt."""
    await red(house)
    house.change("UPDATE events SET via = 'webhook', happened_at = 'never'")
    await house.drain()
    [notification] = [UUID(row[0]) for row in house.rows("SELECT id FROM notifications")]
    await house.service.pipeline.failed("send", notification, ValueError("once more, too early"))

    [(state, attempts, reason)] = house.rows("SELECT state, attempts, reason FROM notifications")
    assert (state, attempts) == ("pending", 1)
    assert reason.startswith("ValueError")


@pytest.mark.long
@pytest.mark.databases("sqlite")
async def test_sent_message_is_not_repeated_after_a_database_outage_on_sqlite(house: House) -> None:
    lock = house.database.locked()

    async def another_process_takes_it() -> None:
        await house.expect_the_database_within(1)
        lock.__enter__()
        asyncio.get_running_loop().call_later(0.1, lock.__exit__, None, None, None)

    house.channels.plan["web (json)"] = [another_process_takes_it]
    with capture_logs() as logs:
        notification = await only(house, await sent(house))

    assert "an attempt waits to be recorded" in [line["event"] for line in logs]
    assert notification["state"] == "sent"
    assert len(notification["attempts"]) == 1
    assert house.channels.told == ["web (json)"]


@pytest.mark.long
async def test_a_dead_letter_is_sent_when_a_person_says_so(house: House) -> None:
    house.channels.plan["web (json)"] = [Permanent("web (json) answered 404")]
    delivery = await sent(house)
    notification = await only(house, delivery)
    house.clock.tick(days=3)

    await house.act(f"notifications/{notification['id']}/resend")
    await house.drain()

    again = await only(house, delivery)
    assert (again["state"], again["reason"]) == ("sent", None)
    assert [attempt["outcome"] for attempt in again["attempts"]] == ["dead", "sent"]
    assert (await house.show(delivery))["actions"][0]["verb"] == "resend"


@pytest.mark.long
async def test_a_resend_has_an_hour_of_its_own(house: House) -> None:
    delivery = await sent(house)
    notification = await only(house, delivery)
    house.clock.tick(days=3)
    house.channels.plan["web (json)"] = [AWAY]

    await house.act(f"notifications/{notification['id']}/resend")
    await house.drain()
    await house.drain(seconds=10)

    assert house.channels.told == ["web (json)", "web (json)"]
    assert (await only(house, delivery))["state"] == "sent"


@pytest.mark.long
async def test_of_all_attempts_those_are_marked_that_an_operator_asked_for(house: House) -> None:
    house.channels.plan["web (json)"] = [AWAY, Permanent("web (json) answered 404"), AWAY]
    delivery = await sent(house)
    await house.drain(minutes=1)
    house.clock.tick(days=3)

    [waiting] = (await house.dead_letters())["notifications"]
    await house.act(f"notifications/{waiting['id']}/resend")
    await house.drain()
    await house.drain(minutes=1)

    attempts = (await only(house, delivery))["attempts"]
    assert [(attempt["outcome"], attempt["asked_by"]) for attempt in attempts] == [
        ("put_off", None),
        ("dead", None),
        ("put_off", "api token of admin"),
        ("sent", None),
    ]
    assert [attempt["asked_by"] for attempt in waiting["attempts"]] == [None, None]


@pytest.mark.long
async def test_what_was_said_first_stays_on_record_when_a_resend_says_something_else(house: House) -> None:
    delivery = await sent(house)
    notification = await only(house, delivery)
    await house.act(f"notifications/{notification['id']}/resend")
    await house.drain()
    house.change("UPDATE events SET branch = 'release/7'")
    await house.act(f"notifications/{notification['id']}/resend")
    await house.drain(seconds=10)

    first, same, other = (await only(house, delivery))["attempts"]

    assert first["title"] == "acme/web main: build-and-test failed"
    assert first["words"] == notification["words"]
    assert (same["outcome"], same["title"], same["words"]) == ("sent", None, None)
    assert other["title"] == "acme/web release/7: build-and-test failed"


@pytest.mark.databases("sqlite", "postgres")
async def test_of_all_who_begin_one_attempt_at_once_one_gets_it(house: House) -> None:
    notification = UUID((await only(house, await red(house)))["id"])
    store, now = house.service.context.store, house.clock()

    begun = await asyncio.gather(*(store.write(notifications.begin_attempt, notification, now) for _ in range(5)))

    assert [attempt.number for attempt in begun if attempt] == [1]


@pytest.mark.long
@pytest.mark.parametrize("error", [AWAY, Permanent("web (json) answered 404")])
async def test_an_attempt_that_was_frozen_and_taken_for_dead_changes_nothing_when_it_fails(
    house: House, error: Exception
) -> None:
    frozen, thawed = asyncio.Event(), asyncio.Event()

    async def freeze() -> None:
        frozen.set()
        await thawed.wait()
        raise error

    house.channels.plan["web (json)"] = [freeze]
    delivery = await red(house)
    notification = (await only(house, delivery))["id"]
    first = asyncio.create_task(house.work("send", notification))
    await frozen.wait()
    house.clock.tick(minutes=1)  # longer than an attempt counts as under way
    await house.work("send", notification)
    taken_over, waiting = await only(house, delivery), house.jobs()
    thawed.set()
    await first

    assert taken_over["state"] == "sent"
    assert await only(house, delivery) == taken_over
    assert house.jobs() == waiting
    assert house.counted("dead_letters", what="notification") == 0


async def test_a_failure_of_what_was_settled_meanwhile_changes_nothing(house: House) -> None:
    delivery = await sent(house)
    before = await only(house, delivery)

    await house.service.pipeline.failed("send", UUID(before["id"]), ValueError("too late to matter"))

    assert await only(house, delivery) == before
