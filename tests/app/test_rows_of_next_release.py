"""Rows of the next release, which works beside this one, or was taken back: they break no page and no message."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from service.errors import Temporary
from tests.support.app_fixture import RED, House
from tests.test_hostile_data import calling, routes

OF_EVENTS = "UPDATE events SET kind = 'of-the-next-release'"
OF_NOTIFICATIONS = "UPDATE notifications SET news = 'of-the-next-release'"
OF_ATTEMPTS = "UPDATE attempts SET outcome = 'of-the-next-release'"
OF_INCIDENTS = "UPDATE incidents SET klass = 'of-the-next-release'"
OF_ACTIONS = (
    "INSERT INTO actions (id, verb, subject_id, who, at) "
    "SELECT id, 'of-the-next-release', id, 'ada', received_at FROM events"
)
OF_ALARMS = "INSERT INTO alarms VALUES ('k', 'of-the-next-release', 'A sentence', '2026-03-02', '2026-03-02', NULL)"


def change_unchecked(house: House, statement: str) -> None:
    """Change rows as a release may whose checks allow more."""
    with closing(sqlite3.connect(house.folder / "roundsman.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement).rowcount


@pytest.mark.long
@pytest.mark.parametrize("statement", [OF_EVENTS, OF_NOTIFICATIONS, OF_ATTEMPTS, OF_INCIDENTS, OF_ACTIONS, OF_ALARMS])
async def test_word_that_only_the_next_release_knows_breaks_no_page(house: House, statement: str) -> None:
    builds = [await house.finish(RED), await house.finish(replace(RED, number=RED.number + 1))]
    await house.drain()
    change_unchecked(house, statement)
    async with calling(house) as caller:
        for method, path in routes(house):
            if method == "GET" and "{" not in path:
                await caller.call("GET", path)
        for build in builds:
            await caller.call("GET", f"/api/v1/events/{build}")
            await caller.call("GET", f"/builds/{build}")
        listed = await caller.call("GET", "/api/v1/events")

    assert caller.broken == []
    assert {one["id"] for one in listed.json()["items"]} == set(builds)


async def test_messages_that_the_next_release_planned_are_sent(house: House) -> None:
    house.channels.plan["web (json)"] = [Temporary("answered 503")]
    await house.finish(RED)
    await house.drain()
    change_unchecked(house, OF_EVENTS)
    change_unchecked(house, OF_NOTIFICATIONS)

    await house.drain(minutes=30)

    assert house.channels.told == ["web (json)"]
    assert house.rows("SELECT state FROM notifications") == [("sent",)]
