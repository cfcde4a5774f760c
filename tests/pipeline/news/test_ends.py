"""Each channel that was told that it broke is told that it was fixed, whichever route the green run takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.errors import Temporary
from service.pipeline.news.ends import ALL_THE_SAME
from service.testing.fake_circleci.organization import ADA, LINH, Person, Run
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

RECEIVERS = """\
receivers:
  ada: {channels: [json://ada.example.com]}
  team: {channels: [json://team.example.com]}
routes:
"""
OF_ADA = "  - {name: of ada, match: {branch: main, author: Ada Example}, receiver: ada}\n"
REST = "  - {name: rest, match: {branch: main}, receiver: team}\n"
ADAS, TEAM = "ada (json)", "team (json)"


def run(number: int, status: str, author: Person = ADA, *, branch: str = "main") -> Run:
    pushed_at = RED.pushed_at + timedelta(minutes=30 * (number - 900))
    return replace(RED, number=number, status=status, author=author, branch=branch, pushed_at=pushed_at)


@asynccontextmanager
async def instance_of(folder: Path, *routes: str) -> AsyncIterator[Instance]:
    async with an_instance(folder, RECEIVERS + "".join(routes)) as instance:
        instance.clock.tick(hours=12)
        yield instance


async def post(instance: Instance, *posted: Run) -> str:
    last = ""
    for one in posted:
        last = await instance.finish(one)
        await instance.drain()
        if instance.fetches():
            await instance.drain(seconds=30)
    return last


async def news(instance: Instance) -> list[tuple[str, str, str]]:
    """Return channel, news and state of each notification, in the order planned."""
    query = "SELECT channel_label, news, state FROM notifications ORDER BY created_at, id"
    return [(label, told, state) for label, told, state in instance.rows(query)]


async def reasons(instance: Instance, event_id: str) -> dict[str, tuple[str, str]]:
    shown: Any = await instance.show(event_id)
    return {one["route"]: (one["verdict"], one["reason"]) for one in shown["decisions"]}


async def test_another_author_s_fix_is_told_to_those_who_were_told_of_the_break(folder: Path) -> None:
    async with instance_of(folder, OF_ADA, REST) as instance:
        event_id = await post(instance, run(901, "failed"), run(902, "success", LINH))

        assert await news(instance) == [(ADAS, "broke", "sent"), (ADAS, "fixed", "sent")]
        assert await reasons(instance, event_id) == {
            "of ada": (
                "not_matched",
                f"author Linh Example / linh@example.com is not Ada Example; {ADAS} {ALL_THE_SAME}",
            ),
            "rest": ("no_news", "branch main matches main; team (json) was not told that it broke"),
        }


@pytest.mark.long
async def test_all_who_were_told_of_parts_of_an_incident_hear_of_its_end_once(folder: Path) -> None:
    changes = (
        "  - {name: of ada, match: {author: Ada Example, transition: [broke, still_broken, fixed]}, receiver: ada}\n"
    )
    rest = "  - {name: rest, match: {transition: [broke, still_broken, fixed]}, receiver: team}\n"
    async with instance_of(folder, changes, rest) as instance:
        posted = (run(901, "failed"), run(902, "failed", LINH), run(903, "failed"), run(904, "success"))
        await post(instance, *posted)

        assert [(label, told) for label, told, _ in await news(instance)] == [
            (ADAS, "broke"),
            (TEAM, "broke"),
            (ADAS, "still_broken"),
            (ADAS, "fixed"),
            (TEAM, "fixed"),
        ]


@pytest.mark.long
async def test_a_replay_tells_the_end_no_second_time(folder: Path) -> None:
    async with instance_of(folder, OF_ADA) as instance:
        event_id = await post(instance, run(901, "failed"), run(902, "success", LINH))
        await instance.act(f"deliveries/{event_id}/replay")
        await instance.drain()

        assert instance.channels.told == [ADAS, ADAS]


@pytest.mark.long
async def test_a_route_that_names_broke_alone_hears_of_no_end(folder: Path) -> None:
    only = "  - {name: of ada, match: {author: Ada Example, transition: broke}, receiver: ada}\n"
    async with instance_of(folder, only) as instance:
        await post(instance, run(901, "failed"), run(902, "success", LINH))

        assert instance.channels.told == [ADAS]


async def test_a_route_for_every_red_run_hears_of_no_end(folder: Path) -> None:
    async with instance_of(folder, "  - {name: red, match: {status: failed}, receiver: ada}\n") as instance:
        await post(instance, run(901, "failed"), run(902, "success"))

        assert instance.channels.told == [ADAS]


@pytest.mark.long
async def test_a_route_that_is_gone_tells_no_end(folder: Path) -> None:
    async with instance_of(folder, OF_ADA) as instance:
        await post(instance, run(901, "failed"))
    async with instance_of(folder, OF_ADA.replace("of ada", "ada's")) as instance:
        await post(instance, run(902, "success", LINH))

        assert instance.channels.told == []


@pytest.mark.long
async def test_a_break_that_waits_gives_way_to_the_end_and_neither_is_told(folder: Path) -> None:
    async with instance_of(folder, OF_ADA) as instance:
        instance.channels.plan[ADAS] = [Temporary("busy")]
        await post(instance, run(901, "failed"))
        await post(instance, run(902, "success", LINH))
        await instance.drain(hours=2)

        assert await news(instance) == [(ADAS, "broke", "dropped")]


async def test_of_a_batch_that_ends_red_the_newest_break_alone_is_told(folder: Path) -> None:
    async with instance_of(folder, OF_ADA, REST) as instance:
        for one in (run(901, "failed"), run(902, "success", LINH), run(903, "failed")):
            await instance.finish(one)
        await instance.drain()
        await instance.drain(minutes=3)

        assert [(label, told) for label, told, state in await news(instance) if state == "sent"] == [(ADAS, "broke")]


async def test_a_late_green_run_ends_nothing(folder: Path) -> None:
    async with instance_of(folder, OF_ADA) as instance:
        await post(instance, run(901, "failed"), run(903, "failed"), run(902, "success", LINH))

        assert instance.channels.told == [ADAS]


@pytest.mark.long
async def test_the_end_waits_for_a_silence_and_is_told_after_it(folder: Path) -> None:
    async with instance_of(folder, OF_ADA) as instance:
        await post(instance, run(901, "failed"))
        silence = {"matchers": {"branch": "main"}, "until": "1h", "comment": "upgrade"}
        response = await instance.http.post("/api/v1/silences", json=silence)
        assert response.status_code == 201, response.text

        await post(instance, run(902, "success", LINH))
        assert instance.channels.told == [ADAS]
        await instance.drain(hours=2)
        await instance.drain(minutes=5)

        assert (await news(instance))[-1][:2] == (ADAS, "fixed")


@pytest.mark.long
async def test_a_new_failure_hears_of_its_end_though_it_is_old_by_then(folder: Path) -> None:
    async with instance_of(folder, "  - {name: new, match: {new_failure: true}, receiver: ada}\n") as instance:
        await post(instance, run(900, "success"), run(901, "failed"), run(902, "failed"), run(903, "success"))

        assert [(label, told) for label, told, _ in await news(instance)] == [(ADAS, "broke"), (ADAS, "fixed")]


@pytest.mark.long
async def test_a_short_streak_hears_of_the_end_of_a_long_one(folder: Path) -> None:
    async with instance_of(folder, '  - {name: first, match: {streak: "< 3"}, receiver: ada}\n') as instance:
        reds = [run(number, "failed") for number in range(901, 906)]
        await post(instance, *reds, run(906, "success"))

        assert [(label, told) for label, told, _ in await news(instance)] == [(ADAS, "broke"), (ADAS, "fixed")]
