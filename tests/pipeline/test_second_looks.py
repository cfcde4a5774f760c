"""What is run again in an old pipeline is found too, and a CircleCI without API v3 is asked by v2."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.pipeline.reconciling.reconcile import LATER, LOOK_AGAIN, pause_of_old
from service.testing.fake_circleci.faults import Fault
from service.testing.fake_circleci.organization import Run
from tests.pipeline.reconciling.test_reconcile import RECORDED, ROUTES, begin, missed, reconcile, run
from tests.support.app_fixture import House, a_house

pytestmark = [pytest.mark.databases("sqlite", "postgres", long_on=["postgres"]), pytest.mark.long]


@pytest.fixture(params=["v3", "v2"])
async def house(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as house:
        yield house


def again(house: House, first: Run, status: str, *, minutes_ago: float) -> Run:
    """A rerun of a run, which ended so long ago."""
    ended = house.clock.now - timedelta(minutes=minutes_ago)
    lasted = first.stopped_at - first.at(0)
    jobs = first.jobs if status == "failed" else tuple(replace(job, status="success", tests=()) for job in first.jobs)
    waited_s = (ended - lasted - first.pushed_at).total_seconds()
    return replace(first, attempt=2, status=status, waited_s=int(waited_s), jobs=jobs)


async def days_pass(house: House, days: int) -> None:
    """Days in which no webhook comes, and the timer runs a few times a day."""
    for _ in range(days):
        await reconcile(house, steps=3, seconds=86_400 / 3)
    await reconcile(house, steps=4)


def posts(house: House) -> list[tuple[int, str]]:
    return [(number, transition) for number, transition, _ in house.rows(RECORDED)]


@pytest.mark.parametrize("days", [1, 3, 60])
async def test_rerun_under_way_in_an_old_pipeline_is_found_within_five_minutes_of_its_end(
    folder: Path, days: int
) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        red = run(house, 1480, "failed", minutes_ago=20)
        await house.finish(red)
        await house.drain()
        other = run(house, 1481, "success", minutes_ago=10)
        await house.finish(other)
        await house.drain()
        await days_pass(house, min(days, 5))
        house.clock.tick(days=max(0, days - 5))
        await house.finish(run(house, 1482, "success", minutes_ago=5))
        await house.drain()
        await reconcile(house, steps=2)
        missed(house, replace(again(house, red, "running", minutes_ago=0), status="running"))
        await reconcile(house, steps=4)
        assert len(house.rows(RECORDED)) == 3

        missed(house, again(house, red, "success", minutes_ago=0))
        await reconcile(house, steps=5)

        assert [via for (via,) in house.rows("SELECT via FROM events WHERE pipeline_number = 1480 ORDER BY place")] == [
            "webhook",
            "reconcile",
        ]


async def test_old_pipeline_that_ends_at_last_is_found_within_five_minutes(house: House) -> None:
    await begin(house)
    waiting = run(house, 1490, "on_hold", minutes_ago=6)
    missed(house, waiting)
    await days_pass(house, 3)
    assert posts(house) == [(1480, "passed")]

    lasted = waiting.stopped_at - waiting.at(0)
    missed(house, replace(waiting, status="failed", pushed_at=house.clock.now - lasted))
    await reconcile(house, steps=5)

    assert posts(house)[-1] == (1490, "broke")


async def test_rerun_that_no_search_saw_is_found_within_an_hour_where_it_changed_the_outcome(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        green = run(house, 1480, minutes_ago=30)
        await house.finish(green)
        await house.drain()
        newer = run(house, 1481, minutes_ago=20)
        await house.finish(newer)
        await house.drain()
        await reconcile(house, steps=20)
        missed(house, again(house, green, "failed", minutes_ago=0))

        await reconcile(house, steps=62)

        assert sorted(posts(house)) == [(1480, "broke"), (1480, "passed"), (1481, "fixed")]


async def test_branch_that_is_red_still_is_looked_at_every_hour(house: House) -> None:
    await begin(house)
    red = run(house, 1490, "failed", minutes_ago=10)
    await house.finish(red)
    await house.drain()
    await days_pass(house, 3)
    missed(house, again(house, red, "success", minutes_ago=0))

    await reconcile(house, steps=75)

    assert posts(house) == [(1480, "passed"), (1490, "broke"), (1490, "fixed")]
    assert house.channels.told == ["web (json)"] * 2


async def test_list_that_says_when_pipelines_changed_leads_to_reruns(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v2") as house:
        await begin(house)
        old = run(house, 1490, minutes_ago=8)
        await house.finish(old)
        await house.drain()
        await days_pass(house, 1)
        rerun = again(house, old, "failed", minutes_ago=0)
        missed(house, rerun)
        house.pretend.pipelines.updated_at[old.pipeline_id] = house.clock.now

        await reconcile(house, steps=5)

        assert posts(house)[-1] == (1490, "broke")


async def test_missing_api_v3_is_remembered_and_tried_again_after_a_day(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        house.pretend.has_v3 = False
        await begin(house)
        missed(house, run(house, 1490, "failed", minutes_ago=6))
        calls = await reconcile(house, steps=6)

        assert posts(house) == [(1480, "passed"), (1490, "broke")]
        assert calls.count("/runs/search") == 1
        assert capsys.readouterr().out.count("has no API v3") == 1

        house.pretend.has_v3 = True
        house.clock.tick(hours=23)
        assert "/runs/search" not in await reconcile(house, steps=3)
        house.clock.tick(hours=1)
        assert "/runs/search" in await reconcile(house, steps=3)
        missed(house, run(house, 1495, minutes_ago=2))
        await reconcile(house, steps=9)
        assert posts(house)[-1] == (1495, "fixed")


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=404, body=b"<html>nginx</html>", media_type="text/html"),
        Fault(status=410, body=b'{"message": "Gone"}'),
        Fault(status=501, body=b"{}"),
    ],
    ids=["404 of a proxy", "410", "501"],
)
async def test_each_form_of_a_missing_address_leads_to_api_v2(folder: Path, fault: Fault) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await begin(house)
        missed(house, run(house, 1490, "failed", minutes_ago=6))
        house.pretend.faults.next("/runs/search", fault)

        assert any(path.endswith("/pipeline") for path in await reconcile(house, steps=4))
        assert posts(house)[-1] == (1490, "broke")


async def test_missing_thing_of_api_v3_is_no_missing_api(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await begin(house)
        own_words = b'{"error": {"type": "not_found", "title": "Not Found"}}'
        house.pretend.faults.next("/runs/search", Fault(status=404, body=own_words))

        await reconcile(house, steps=4)

        source = house.service.context.source
        assert isinstance(source, CircleCI)
        assert source.has_v3


async def test_list_of_the_other_api_begins_anew_after_a_restart(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE_CALLS="1") as house:
        house.pretend.pipelines.pages_of = 3
        await begin(house)
        missed(house, *(run(house, number, minutes_ago=20 - number / 1000) for number in range(1490, 1540)))
        await reconcile(house, steps=2)
        assert house.rows("SELECT substr(cursor, 1, 2) FROM reconciled_projects") == [("v3",)]

    async with a_house(
        folder, ROUTES, clock=house.clock, ROUNDSMAN_CIRCLECI_API="v2", ROUNDSMAN_RECONCILE_CALLS="60"
    ) as after:
        after.pretend.pipelines.pages_of = 3
        for one in house.pretend.pipelines.all():
            after.pretend.run_finished(one)
        await reconcile(after, steps=12)

        assert len(after.rows(RECORDED)) == 51


async def test_filter_that_circleci_refuses_leaves_the_search_for_what_is_held(folder: Path) -> None:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as house:
        await begin(house)
        house.pretend.pipelines.refuses = " or "

        calls = await reconcile(house, steps=6)
        missed(house, run(house, 1490, "failed", minutes_ago=2))
        await reconcile(house, steps=9)

        assert sum(path == "/runs/search" for path in calls) == 7  # one was refused
        assert posts(house)[-1] == (1490, "broke")


@pytest.mark.parametrize(
    ("count", "calls", "expected"),
    [
        (0, 60, LOOK_AGAIN),
        (45, 60, LOOK_AGAIN),
        (90, 60, timedelta(minutes=6)),
        (9_000, 60, LATER),
        (1, 1, timedelta(minutes=4)),
    ],
)
def test_old_unfinished_pipelines_take_a_quarter_of_the_budget(count: int, calls: int, expected: timedelta) -> None:
    assert pause_of_old(count, calls) == expected
