"""Runs that only set up others: grey beside these, as soon as CircleCI says what they are."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import Instance, an_instance
from tests.support.told_runs import run_beside_setup as run

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {branch: main}
    receiver: web
"""
NEWS = """
    SELECT news, pipeline_number, notifications.state FROM notifications
    JOIN events ON events.id = notifications.event_id ORDER BY created_at, notifications.id
"""
RUNS = "SELECT color, transition, number_in_pipeline FROM runs ORDER BY pipeline_number, created_at"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def setup(number: int, status: str, **changes: Any) -> Run:
    return run(number, status, attempt=1, is_setup=True, **changes)


async def told(instance: Instance, *runs: Run) -> list[tuple[str, int, str]]:
    for one in runs:
        await instance.finish(one)
        await instance.drain()
    return [tuple(row) for row in instance.rows(NEWS)]


@pytest.mark.long
async def test_a_green_setup_fixes_no_red_of_the_runs_that_it_sets_up(instance: Instance) -> None:
    found = await told(instance, run(901, "failed"), setup(902, "success"), run(902, "failed"), run(903, "success"))

    assert found == [("broke", 901, "sent"), ("fixed", 902, "dropped"), ("fixed", 903, "sent")]
    assert instance.rows(RUNS) == [
        ("red", "broke", 1), ("grey", "none", 1), ("red", "still_broken", 1), ("green", "fixed", 1),
    ]  # fmt: skip
    assert instance.rows("SELECT streak, closed_because FROM incidents") == [(2, "green")]
    assert instance.rows("SELECT reason FROM notifications WHERE state = 'dropped'") == [
        ("its run only set up the workflows after it",)
    ]


@pytest.mark.long
async def test_the_setup_beside_a_run_of_its_name_is_grey(instance: Instance) -> None:
    found = await told(instance, setup(901, "failed"), run(901, "success"))

    assert instance.rows(RUNS) == [("grey", "none", 1), ("green", "passed", 1)]
    assert found == [("broke", 901, "sent"), ("fixed", 901, "sent")]  # it was told before the run beside it ended


@pytest.mark.long
async def test_a_setup_that_fails_alone_is_told_and_so_is_its_end(instance: Instance) -> None:
    own = {"workflow": "setup"}
    found = await told(instance, setup(901, "failed", **own), setup(902, "success", **own))

    assert found == [("broke", 901, "sent"), ("fixed", 902, "sent")]


@pytest.mark.long
async def test_a_red_that_waits_for_its_rerun_is_told_although_a_setup_was_green_meanwhile(instance: Instance) -> None:
    waiting = run(901, "failed", auto_reruns=(0, 1))
    instance.clock.now = waiting.stopped_at
    await told(instance, waiting)
    assert await told(instance, setup(902, "success")) == [("broke", 901, "pending")]
    await instance.drain(minutes=31)

    assert await told(instance, run(902, "failed"), run(903, "success")) == [
        ("broke", 901, "sent"),
        ("fixed", 903, "sent"),
    ]
