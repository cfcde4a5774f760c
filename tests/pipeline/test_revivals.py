"""What was dropped for a run of another color is told after all, when that color turns out to be wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import stamp, workflow_completed
from tests.support.app_fixture import Clock, Instance, an_instance
from tests.support.told_runs import run_beside_setup as run

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {branch: main}
    receiver: web
projects:
  gh/acme/*: {rerun_wait: 30m}
"""
QUIET = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {branch: main}
    receiver: web
    active: {hours: "08:00-09:35", timezone: UTC}
projects:
  gh/acme/*: {rerun_wait: 30m}
"""
NEWS = """
    SELECT news, pipeline_number, notifications.state, waits_for FROM notifications
    JOIN events ON events.id = notifications.event_id ORDER BY created_at, notifications.id
"""
News = list[tuple[str, int, str, str | None]]


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def waiting(number: int) -> Run:
    """A red run that CircleCI may rerun by itself."""
    return run(number, "failed", auto_reruns=(0, 1))


def setup(number: int) -> Run:
    return run(number, "success", attempt=1, is_setup=True)


async def finish(instance: Instance, *runs: Run) -> News:
    """End runs, each at its time; the news on record then."""
    for one in runs:
        instance.clock.now = max(instance.clock.now, one.stopped_at)
        await instance.finish(one)
        await instance.drain()
    return news(instance)


def news(instance: Instance) -> News:
    return [tuple(row) for row in instance.rows(NEWS)]


async def correct(instance: Instance, one: Run, status: str, *, seconds: int = 1) -> News:
    """Post a run again, seconds later, with another status."""
    again = workflow_completed(replace(one, status=status))
    happened_at = stamp(one.stopped_at + timedelta(seconds=seconds))
    instance.clock.now = max(instance.clock.now, one.stopped_at + timedelta(seconds=seconds))
    await instance.post(again | {"id": f"again {status} {seconds}", "happened_at": happened_at})
    await instance.drain()
    return news(instance)


async def mute(instance: Instance, until: str) -> None:
    [incident] = (await instance.http.get("/api/v1/incidents?state=open")).json()["items"]
    answer = await instance.http.post(f"/api/v1/incidents/{incident['id']}/mute", json={"until": until})
    assert answer.status_code == 200, answer.text
    await instance.drain()


async def muted_and_told_again_after_a_green(instance: Instance, until: str = "4h") -> None:
    await finish(instance, waiting(901))
    await mute(instance, until)
    await finish(instance, run(901, "failed", attempt=3, auto_reruns=(1, 1)))
    assert news(instance) == [("broke", 901, "pending", "mute")]


@pytest.mark.long
async def test_a_red_kept_back_by_a_mute_waits_on_although_a_setup_was_green(instance: Instance) -> None:
    await muted_and_told_again_after_a_green(instance)

    assert await finish(instance, setup(902)) == [("broke", 901, "pending", "mute")]
    await instance.drain(hours=1)
    assert instance.channels.told == []
    await mute(instance, "now")
    await instance.service.pipeline.remind()
    await instance.drain()
    assert [str(message.news) for _, message in instance.channels.took] == ["broke"]


@pytest.mark.long
async def test_a_red_that_waits_for_a_rerun_is_told_if_a_later_post_takes_back_the_green(instance: Instance) -> None:
    await finish(instance, waiting(901))
    assert await finish(instance, run(902, "success")) == [("broke", 901, "dropped", "rerun")]
    assert (await correct(instance, run(902, "success"), "canceled"))[0][2] == "pending"
    await instance.drain(minutes=31)

    assert [str(message.news) for _, message in instance.channels.took] == ["broke"]
    assert await finish(instance, run(906, "success")) == [
        ("broke", 901, "sent", "rerun"),
        ("fixed", 906, "sent", None),
    ]


@pytest.mark.long
async def test_the_red_before_is_told_if_a_later_post_takes_back_the_one_that_took_its_place(
    instance: Instance,
) -> None:
    await finish(instance, waiting(901), waiting(902))
    assert [one[1:3] for one in news(instance)] == [(901, "dropped"), (902, "pending")]
    await correct(instance, waiting(902), "canceled")
    await instance.drain(minutes=31)

    assert [one[1:3] for one in news(instance)] == [(901, "sent"), (902, "dropped")]
    assert instance.rows("SELECT color FROM told") == [("red",)]


@pytest.mark.long
async def test_a_red_that_a_post_takes_back_and_a_later_one_gives_again_is_told(instance: Instance) -> None:
    await finish(instance, waiting(901), waiting(902))
    await correct(instance, waiting(902), "canceled")
    await correct(instance, waiting(902), "failed", seconds=2)
    await instance.drain(minutes=31)

    assert [one[1:3] for one in news(instance)] == [(901, "dropped"), (902, "sent")]


@pytest.mark.long
async def test_a_red_that_is_revived_in_quiet_hours_waits_for_their_end(folder: Path) -> None:
    clock = Clock(now=datetime(2026, 3, 2, 9, 17, tzinfo=UTC))
    async with an_instance(folder, QUIET, clock=clock) as instance:
        await finish(instance, waiting(901))
        assert await finish(instance, run(902, "success")) == [("broke", 901, "dropped", "rerun")]
        instance.clock.now = datetime(2026, 3, 2, 9, 40, tzinfo=UTC)
        await correct(instance, run(902, "success"), "canceled")

        assert news(instance) == [("broke", 901, "pending", "hours")]
        assert instance.channels.told == []
        assert len(instance.rows("SELECT topic FROM notifications WHERE news = 'summary'")) == 1


async def test_a_channel_that_was_told_red_is_not_told_again_of_a_green_that_is_taken_back(instance: Instance) -> None:
    await finish(instance, run(901, "failed"), run(902, "success"))
    await correct(instance, run(902, "success"), "canceled")
    await instance.drain(hours=1)

    assert [str(message.news) for _, message in instance.channels.took] == ["broke", "fixed"]
