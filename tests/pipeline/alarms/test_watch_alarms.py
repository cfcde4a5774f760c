"""Alarms of Roundsman's own: each told once when it begins, and once when it ends."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.clock import DatabaseClock, Reading
from service.errors import Permanent, Temporary
from service.testing.fake_circleci.payloads import as_bytes
from tests.support.app_fixture import NINE, RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = RED_TO_WEB.replace(
    "receivers:\n", "operators: {receiver: platform}\nreceivers:\n  platform: {channels: [json://ops.example.com]}\n"
)
OPS, WEB = "platform (json)", "web (json)"


@pytest.fixture
async def watched(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


async def look(instance: Instance, **later: float) -> list[str]:
    """Look for troubles after a time; the titles that the operators were told of since."""
    instance.clock.tick(**later)
    before = len(instance.channels.took)
    await instance.service.pipeline.watch_alarms()
    await instance.drain()
    return [message.title for label, message in instance.channels.took[before:] if label == OPS]


async def give_up(instance: Instance, number: int = RED.number) -> str:
    """Have a message to web become a dead letter; the event's id."""
    instance.channels.plan[WEB] = [Permanent("web (json) answered 404")]
    event = await instance.finish(replace(RED, number=number))
    await instance.drain()
    return event


def use_token(instance: Instance, token: str | None) -> None:
    source = instance.service.context.source
    assert isinstance(source, CircleCI)
    source.replace_credentials(secrets=instance.settings.webhook_secrets, token=token)


async def dismiss_all(instance: Instance) -> None:
    found = await instance.dead_letters()
    for kind in ("deliveries", "notifications"):
        for one in found[kind]:
            await instance.act(f"{kind}/{one['id']}/dismiss")


@pytest.mark.long
async def test_dead_letters_are_told_once_and_so_is_their_end(watched: Instance) -> None:
    await give_up(watched)
    assert await look(watched) == ["Roundsman: dead letters wait for a person"]
    assert "1 notification: `roundsman dead-letters` says what" in watched.channels.took[-1][1].text

    await watched.send(as_bytes({"type": "unheard-of"}))
    await watched.drain()
    assert await look(watched, minutes=1) == []

    await dismiss_all(watched)
    assert await look(watched, minutes=1) == ["Roundsman: dead letters wait for a person: this has ended"]
    assert "It began at 2026-03-02 09:30 UTC." in watched.channels.took[-1][1].text
    assert (watched.channels.took[-1][1].severity, await look(watched)) == ("success", [])

    await give_up(watched, 1500)
    assert await look(watched, minutes=1) == ["Roundsman: dead letters wait for a person"]


@pytest.mark.long
async def test_the_dead_letter_of_an_alarm_raises_none(watched: Instance) -> None:
    watched.channels.plan[OPS] = [Permanent("platform (json) answered 404")]
    await give_up(watched)
    assert await look(watched) == []
    await watched.act(f"notifications/{(await watched.dead_letters())['notifications'][-1]['id']}/dismiss")
    letters = (await watched.dead_letters())["notifications"]
    for one in letters:
        if one["event"] is not None:
            await watched.act(f"notifications/{one['id']}/dismiss")

    assert await look(watched, minutes=1) == ["Roundsman: dead letters wait for a person: this has ended"]
    assert await look(watched, hours=2) == []


@pytest.mark.long
async def test_a_channel_that_accepts_nothing_for_an_hour_is_told_through_others(watched: Instance) -> None:
    watched.channels.plan[WEB] = [Temporary("web (json) answered 503")] * 40
    await watched.finish(RED)
    await watched.drain()
    assert await look(watched, minutes=59) == []

    assert await look(watched, minutes=2) == ["Roundsman: a channel accepts no messages"]
    assert "web (json) has accepted nothing since 2026-03-02 09:3" in watched.channels.took[-1][1].text

    watched.channels.plan.clear()
    await watched.finish(replace(RED, number=1500))
    await watched.drain()
    assert "Roundsman: a channel accepts no messages: this has ended" in await look(watched, minutes=1)


@pytest.mark.long
async def test_a_channel_is_not_told_that_it_refuses(watched: Instance) -> None:
    watched.channels.plan[OPS] = [Permanent("platform (json) answered 404")]
    await give_up(watched)
    assert await look(watched) == []

    assert await look(watched, hours=2) == ["Roundsman: a channel accepts no messages"]  # of web
    assert len(watched.rows("SELECT key FROM alarms WHERE kind = 'channel_refused'")) == 2


async def test_a_refused_token_is_told(folder: Path) -> None:
    async with an_instance(folder, ROUTES) as instance:
        use_token(instance, "another")
        assert await look(instance) == ["Roundsman: CircleCI does not accept the API token"]
        assert "401" in instance.channels.took[-1][1].text

        use_token(instance, instance.settings.circleci_token)
        assert await look(instance, minutes=1) == []  # it is asked every ten minutes
        assert await look(instance, minutes=9) == ["Roundsman: CircleCI does not accept the API token: this has ended"]


@pytest.mark.long
@pytest.mark.databases("postgres")
async def test_a_clock_that_is_off_is_told_until_its_machine_sees_it_right(watched: Instance) -> None:
    store = watched.service.context.store
    right = store.clock
    store.clock = DatabaseClock(lambda: NINE + timedelta(minutes=3), stopwatch=lambda: 0.0)
    store.clock.follow(Reading(time=NINE, before_s=0, after_s=0))
    assert await look(watched) == ["Roundsman: a clock is wrong"]
    assert "180 s" in watched.channels.took[-1][1].text

    store.clock = right
    assert await look(watched, minutes=1) == ["Roundsman: a clock is wrong: this has ended"]


@pytest.mark.long
async def test_without_operators_nothing_is_looked_for(instance: Instance) -> None:
    await give_up(instance)

    assert await look(instance) == []
    assert instance.rows("SELECT key FROM alarms") == []


@pytest.mark.long
async def test_a_message_about_no_event_is_listed_resent_and_forgotten(watched: Instance) -> None:
    await give_up(watched)
    await look(watched)
    listed = (await watched.http.get("/api/v1/notifications?receiver=platform")).json()["items"]
    [alarm] = listed

    assert (alarm["news"], alarm["event_id"], alarm["event"], alarm["state"]) == ("operator", None, None, "sent")
    assert alarm["title"] == "Roundsman: dead letters wait for a person"
    watched.channels.plan[OPS] = [Permanent("platform (json) answered 404")]
    await watched.act(f"notifications/{alarm['id']}/resend")
    await watched.drain()
    page = await watched.http.get("/dead-letters")
    assert "Roundsman: dead letters wait for a person" in page.text
    resent = await watched.http.post(f"/notifications/{alarm['id']}/resend")
    assert resent.headers["location"] == "/dead-letters"
    await watched.drain()
    assert watched.channels.told.count(OPS) == 2

    watched.clock.now = NINE + watched.service.context.keep_for + timedelta(days=1)
    await watched.service.pipeline.prune()
    assert watched.rows("SELECT id FROM notifications WHERE event_id IS NULL") == []
