"""Rows of the next release, which works beside this one, or was taken back: they break no page and no message."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from service.errors import Temporary
from tests.support.app_fixture import RED, Instance
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


def change_unchecked(instance: Instance, statement: str) -> None:
    """Change rows as a release may whose checks allow more."""
    with closing(sqlite3.connect(instance.folder / "roundsman.db")) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement).rowcount


@pytest.mark.long
@pytest.mark.parametrize("statement", [OF_EVENTS, OF_NOTIFICATIONS, OF_ATTEMPTS, OF_INCIDENTS, OF_ACTIONS, OF_ALARMS])
async def test_word_that_only_the_next_release_knows_breaks_no_page(instance: Instance, statement: str) -> None:
    builds = [await instance.finish(RED), await instance.finish(replace(RED, number=RED.number + 1))]
    await instance.drain()
    change_unchecked(instance, statement)
    async with calling(instance) as caller:
        for method, path in routes(instance):
            if method == "GET" and "{" not in path:
                await caller.call("GET", path)
        for build in builds:
            await caller.call("GET", f"/api/v1/events/{build}")
            await caller.call("GET", f"/builds/{build}")
        listed = await caller.call("GET", "/api/v1/events")

    assert caller.broken == []
    assert {one["id"] for one in listed.json()["items"]} == set(builds)


async def test_messages_that_the_next_release_planned_are_sent(instance: Instance) -> None:
    instance.channels.plan["web (json)"] = [Temporary("answered 503")]
    await instance.finish(RED)
    await instance.drain()
    change_unchecked(instance, OF_EVENTS)
    change_unchecked(instance, OF_NOTIFICATIONS)

    await instance.drain(minutes=30)

    assert instance.channels.told == ["web (json)"]
    assert instance.rows("SELECT state FROM notifications") == [("sent",)]
