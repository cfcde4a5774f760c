"""Who was told that a track is red is told when it no longer is."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import Permanent
from service.testing.fake_circleci.organization import GRACE, Run
from service.testing.fake_circleci.payloads import stamp, workflow_completed
from tests.support.app_fixture import Instance, an_instance
from tests.support.told_runs import run_of

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {%s}
    receiver: web
"""
NEWS = """
    SELECT news, pipeline_number, notifications.state FROM notifications
    JOIN events ON events.id = notifications.event_id ORDER BY created_at, notifications.id
"""
INCIDENTS = "SELECT count(*) FROM incidents WHERE merged_into IS NULL"


def run(number: int, status: str, **changes: Any) -> Run:
    return run_of(number, status, minutes=30, **changes)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES % "branch: main") as instance:
        yield instance


async def told(instance: Instance, *runs: Run) -> list[tuple[str, int, str]]:
    for one in runs:
        await instance.finish(one)
        await instance.drain()
    return [tuple(row) for row in instance.rows(NEWS)]


async def correct(instance: Instance, one: Run, status: str) -> None:
    """Post a run again, a second later, with another status."""
    again = workflow_completed(replace(one, status=status))
    happened_at = stamp(one.stopped_at + timedelta(seconds=1))
    await instance.post(again | {"id": f"again {status}", "happened_at": happened_at})
    await instance.drain()


@pytest.mark.long
async def test_a_red_that_a_later_post_corrects_to_green_is_told_as_fixed(instance: Instance) -> None:
    await told(instance, run(901, "failed"))
    await correct(instance, run(901, "failed"), "success")

    assert await told(instance) == [("broke", 901, "sent"), ("fixed", 901, "sent")]
    assert instance.rows("SELECT transition FROM runs") == [("passed",)]
    assert instance.rows(INCIDENTS) == [(0,)]
    assert instance.rows("SELECT color FROM told") == [("green",)]
    assert await told(instance, run(902, "success"), run(903, "failed")) == [
        ("broke", 901, "sent"),
        ("fixed", 901, "sent"),
        ("broke", 903, "sent"),
    ]


async def test_a_red_that_a_later_post_corrects_to_canceled_ends_with_the_next_green(instance: Instance) -> None:
    await told(instance, run(901, "failed"))
    await correct(instance, run(901, "failed"), "canceled")
    assert instance.rows(INCIDENTS) == [(0,)]

    assert await told(instance, run(902, "success")) == [("broke", 901, "sent"), ("fixed", 902, "sent")]


async def test_a_red_that_is_corrected_before_it_is_told_is_not_told(instance: Instance) -> None:
    red = run(901, "failed", auto_reruns=(0, 1))  # it waits for its rerun
    instance.clock.now = red.stopped_at
    await told(instance, red)
    await correct(instance, red, "canceled")
    await instance.drain(minutes=31)

    assert await told(instance) == [("broke", 901, "dropped")]


@pytest.mark.long
async def test_an_end_that_no_route_matches_is_told_to_those_who_heard_of_the_red(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "branch: main, author: Ada Example") as instance:
        found = await told(instance, run(901, "failed"), run(902, "success", author=GRACE), run(903, "success"))
        [event_id] = instance.rows("SELECT event_id FROM notifications WHERE news = 'fixed'")[0]
        [decision] = (await instance.show(event_id))["decisions"]

    assert found == [("broke", 901, "sent"), ("fixed", 902, "sent")]
    assert decision["verdict"] == "not_matched"
    assert decision["reason"].endswith("hears of it all the same: it was told that it broke")


@pytest.mark.long
@pytest.mark.parametrize("transition", ["broke", "[broke, passed]"])
async def test_a_route_that_does_not_hear_of_ends_hears_of_each_break(folder: Path, transition: str) -> None:
    async with an_instance(folder, ROUTES % f"branch: main, transition: {transition}") as instance:
        statuses = ["failed", "success", "failed", "success"]
        found = await told(instance, *(run(901 + n, status) for n, status in enumerate(statuses)))

    assert found == [("broke", 901, "sent"), ("broke", 903, "sent")]


async def test_routes_that_hear_each_red_hear_of_no_end(folder: Path) -> None:
    async with an_instance(folder, ROUTES % "status: failed") as instance:
        found = await told(instance, run(901, "failed"), run(902, "success"), run(903, "success"))
        assert instance.rows("SELECT color FROM told") == []

    assert found == [("run", 901, "sent")]


@pytest.mark.long
async def test_a_fix_that_was_refused_is_not_told_again_by_the_next_green(instance: Instance) -> None:
    await told(instance, run(901, "failed"))
    instance.channels.plan["web (json)"] = [Permanent("the channel refuses")]

    assert await told(instance, run(902, "success"), run(903, "success"), run(904, "failed")) == [
        ("broke", 901, "sent"),
        ("fixed", 902, "dead"),
        ("broke", 904, "sent"),
    ]


async def test_a_fix_that_waits_to_be_sent_is_told_after_another_green(instance: Instance) -> None:
    await told(instance, run(901, "failed"))
    for number in (902, 903):
        await instance.finish(run(number, "success"))
        await instance.process()
    assert await told(instance) == [("broke", 901, "sent"), ("fixed", 902, "pending")]
    await instance.drain(minutes=3)

    assert await told(instance) == [("broke", 901, "sent"), ("fixed", 902, "sent")]
    assert instance.rows("SELECT color FROM told") == [("green",)]
