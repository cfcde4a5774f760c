"""What was dropped for a run of another color is told after all, when that color turns out to be wrong."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import stamp, workflow_completed
from tests.support.app_fixture import Clock, House, a_house
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
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES) as house:
        yield house


def waiting(number: int) -> Run:
    """A red run that CircleCI may rerun by itself."""
    return run(number, "failed", auto_reruns=(0, 1))


def setup(number: int) -> Run:
    return run(number, "success", attempt=1, is_setup=True)


async def finish(house: House, *runs: Run) -> News:
    """End runs, each at its time; the news on record then."""
    for one in runs:
        house.clock.now = max(house.clock.now, one.stopped_at)
        await house.finish(one)
        await house.drain()
    return news(house)


def news(house: House) -> News:
    return [tuple(row) for row in house.rows(NEWS)]


async def correct(house: House, one: Run, status: str, *, seconds: int = 1) -> News:
    """Post a run again, seconds later, with another status."""
    again = workflow_completed(replace(one, status=status))
    happened_at = stamp(one.stopped_at + timedelta(seconds=seconds))
    house.clock.now = max(house.clock.now, one.stopped_at + timedelta(seconds=seconds))
    await house.post(again | {"id": f"again {status} {seconds}", "happened_at": happened_at})
    await house.drain()
    return news(house)


async def mute(house: House, until: str) -> None:
    [incident] = (await house.http.get("/api/v1/incidents?state=open")).json()["items"]
    answer = await house.http.post(f"/api/v1/incidents/{incident['id']}/mute", json={"until": until})
    assert answer.status_code == 200, answer.text
    await house.drain()


async def muted_and_told_again_after_a_green(house: House, until: str = "4h") -> None:
    await finish(house, waiting(901))
    await mute(house, until)
    await finish(house, run(901, "failed", attempt=3, auto_reruns=(1, 1)))
    assert news(house) == [("broke", 901, "pending", "mute")]


@pytest.mark.long
async def test_a_red_kept_back_by_a_mute_waits_on_although_a_setup_was_green(house: House) -> None:
    await muted_and_told_again_after_a_green(house)

    assert await finish(house, setup(902)) == [("broke", 901, "pending", "mute")]
    await house.drain(hours=1)
    assert house.channels.told == []
    await mute(house, "now")
    await house.service.pipeline.remind()
    await house.drain()
    assert [str(message.news) for _, message in house.channels.took] == ["broke"]


@pytest.mark.long
async def test_a_red_that_waits_for_a_rerun_is_told_if_a_later_post_takes_back_the_green(house: House) -> None:
    await finish(house, waiting(901))
    assert await finish(house, run(902, "success")) == [("broke", 901, "dropped", "rerun")]
    assert (await correct(house, run(902, "success"), "canceled"))[0][2] == "pending"
    await house.drain(minutes=31)

    assert [str(message.news) for _, message in house.channels.took] == ["broke"]
    assert await finish(house, run(906, "success")) == [("broke", 901, "sent", "rerun"), ("fixed", 906, "sent", None)]


@pytest.mark.long
async def test_the_red_before_is_told_if_a_later_post_takes_back_the_one_that_took_its_place(house: House) -> None:
    await finish(house, waiting(901), waiting(902))
    assert [one[1:3] for one in news(house)] == [(901, "dropped"), (902, "pending")]
    await correct(house, waiting(902), "canceled")
    await house.drain(minutes=31)

    assert [one[1:3] for one in news(house)] == [(901, "sent"), (902, "dropped")]
    assert house.rows("SELECT color FROM told") == [("red",)]


@pytest.mark.long
async def test_a_red_that_a_post_takes_back_and_a_later_one_gives_again_is_told(house: House) -> None:
    await finish(house, waiting(901), waiting(902))
    await correct(house, waiting(902), "canceled")
    await correct(house, waiting(902), "failed", seconds=2)
    await house.drain(minutes=31)

    assert [one[1:3] for one in news(house)] == [(901, "dropped"), (902, "sent")]


@pytest.mark.long
async def test_a_red_that_is_revived_in_quiet_hours_waits_for_their_end(folder: Path) -> None:
    clock = Clock(now=datetime(2026, 3, 2, 9, 17, tzinfo=UTC))
    async with a_house(folder, QUIET, clock=clock) as house:
        await finish(house, waiting(901))
        assert await finish(house, run(902, "success")) == [("broke", 901, "dropped", "rerun")]
        house.clock.now = datetime(2026, 3, 2, 9, 40, tzinfo=UTC)
        await correct(house, run(902, "success"), "canceled")

        assert news(house) == [("broke", 901, "pending", "hours")]
        assert house.channels.told == []
        assert len(house.rows("SELECT topic FROM notifications WHERE news = 'summary'")) == 1


async def test_a_channel_that_was_told_red_is_not_told_again_of_a_green_that_is_taken_back(house: House) -> None:
    await finish(house, run(901, "failed"), run(902, "success"))
    await correct(house, run(902, "success"), "canceled")
    await house.drain(hours=1)

    assert [str(message.news) for _, message in house.channels.took] == ["broke", "fixed"]
