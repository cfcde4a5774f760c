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
from tests.support.app_fixture import Instance, an_instance

pytestmark = [pytest.mark.databases("sqlite", "postgres", long_on=["postgres"]), pytest.mark.long]


@pytest.fixture(params=["v3", "v2"])
async def instance(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as instance:
        yield instance


def again(instance: Instance, first: Run, status: str, *, minutes_ago: float) -> Run:
    """A rerun of a run, which ended so long ago."""
    ended = instance.clock.now - timedelta(minutes=minutes_ago)
    lasted = first.stopped_at - first.at(0)
    jobs = first.jobs if status == "failed" else tuple(replace(job, status="success", tests=()) for job in first.jobs)
    waited_s = (ended - lasted - first.pushed_at).total_seconds()
    return replace(first, attempt=2, status=status, waited_s=int(waited_s), jobs=jobs)


async def days_pass(instance: Instance, days: int) -> None:
    """Days in which no webhook comes, and the timer runs a few times a day."""
    for _ in range(days):
        await reconcile(instance, steps=3, seconds=86_400 / 3)
    await reconcile(instance, steps=4)


def posts(instance: Instance) -> list[tuple[int, str]]:
    return [(number, transition) for number, transition, _ in instance.rows(RECORDED)]


@pytest.mark.parametrize("days", [1, 3, 60])
async def test_rerun_under_way_in_an_old_pipeline_is_found_within_five_minutes_of_its_end(
    folder: Path, days: int
) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        red = run(instance, 1480, "failed", minutes_ago=20)
        await instance.finish(red)
        await instance.drain()
        other = run(instance, 1481, "success", minutes_ago=10)
        await instance.finish(other)
        await instance.drain()
        await days_pass(instance, min(days, 5))
        instance.clock.tick(days=max(0, days - 5))
        await instance.finish(run(instance, 1482, "success", minutes_ago=5))
        await instance.drain()
        await reconcile(instance, steps=2)
        missed(instance, replace(again(instance, red, "running", minutes_ago=0), status="running"))
        await reconcile(instance, steps=4)
        assert len(instance.rows(RECORDED)) == 3

        missed(instance, again(instance, red, "success", minutes_ago=0))
        await reconcile(instance, steps=5)

        assert [
            via for (via,) in instance.rows("SELECT via FROM events WHERE pipeline_number = 1480 ORDER BY place")
        ] == [
            "webhook",
            "reconcile",
        ]


async def test_old_pipeline_that_ends_at_last_is_found_within_five_minutes(instance: Instance) -> None:
    await begin(instance)
    waiting = run(instance, 1490, "on_hold", minutes_ago=6)
    missed(instance, waiting)
    await days_pass(instance, 3)
    assert posts(instance) == [(1480, "passed")]

    lasted = waiting.stopped_at - waiting.at(0)
    missed(instance, replace(waiting, status="failed", pushed_at=instance.clock.now - lasted))
    await reconcile(instance, steps=5)

    assert posts(instance)[-1] == (1490, "broke")


async def test_rerun_that_no_search_saw_is_found_within_an_hour_where_it_changed_the_outcome(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        green = run(instance, 1480, minutes_ago=30)
        await instance.finish(green)
        await instance.drain()
        newer = run(instance, 1481, minutes_ago=20)
        await instance.finish(newer)
        await instance.drain()
        await reconcile(instance, steps=20)
        missed(instance, again(instance, green, "failed", minutes_ago=0))

        await reconcile(instance, steps=62)

        assert sorted(posts(instance)) == [(1480, "broke"), (1480, "passed"), (1481, "fixed")]


async def test_branch_that_is_red_still_is_looked_at_every_hour(instance: Instance) -> None:
    await begin(instance)
    red = run(instance, 1490, "failed", minutes_ago=10)
    await instance.finish(red)
    await instance.drain()
    await days_pass(instance, 3)
    missed(instance, again(instance, red, "success", minutes_ago=0))

    await reconcile(instance, steps=75)

    assert posts(instance) == [(1480, "passed"), (1490, "broke"), (1490, "fixed")]
    assert instance.channels.told == ["web (json)"] * 2


async def test_list_that_says_when_pipelines_changed_leads_to_reruns(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v2") as instance:
        await begin(instance)
        old = run(instance, 1490, minutes_ago=8)
        await instance.finish(old)
        await instance.drain()
        await days_pass(instance, 1)
        rerun = again(instance, old, "failed", minutes_ago=0)
        missed(instance, rerun)
        instance.pretend.pipelines.updated_at[old.pipeline_id] = instance.clock.now

        await reconcile(instance, steps=5)

        assert posts(instance)[-1] == (1490, "broke")


async def test_missing_api_v3_is_remembered_and_tried_again_after_a_day(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        instance.pretend.has_v3 = False
        await begin(instance)
        missed(instance, run(instance, 1490, "failed", minutes_ago=6))
        calls = await reconcile(instance, steps=6)

        assert posts(instance) == [(1480, "passed"), (1490, "broke")]
        assert calls.count("/runs/search") == 1
        assert capsys.readouterr().out.count("has no API v3") == 1

        instance.pretend.has_v3 = True
        instance.clock.tick(hours=23)
        assert "/runs/search" not in await reconcile(instance, steps=3)
        instance.clock.tick(hours=1)
        assert "/runs/search" in await reconcile(instance, steps=3)
        missed(instance, run(instance, 1495, minutes_ago=2))
        await reconcile(instance, steps=9)
        assert posts(instance)[-1] == (1495, "fixed")


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
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)
        missed(instance, run(instance, 1490, "failed", minutes_ago=6))
        instance.pretend.faults.next("/runs/search", fault)

        assert any(path.endswith("/pipeline") for path in await reconcile(instance, steps=4))
        assert posts(instance)[-1] == (1490, "broke")


async def test_missing_thing_of_api_v3_is_no_missing_api(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)
        own_words = b'{"error": {"type": "not_found", "title": "Not Found"}}'
        instance.pretend.faults.next("/runs/search", Fault(status=404, body=own_words))

        await reconcile(instance, steps=4)

        source = instance.service.context.source
        assert isinstance(source, CircleCI)
        assert source.has_v3


async def test_list_of_the_other_api_begins_anew_after_a_restart(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3", ROUNDSMAN_RECONCILE_CALLS="1") as instance:
        instance.pretend.pipelines.pages_of = 3
        await begin(instance)
        missed(instance, *(run(instance, number, minutes_ago=20 - number / 1000) for number in range(1490, 1540)))
        await reconcile(instance, steps=2)
        assert instance.rows("SELECT substr(cursor, 1, 2) FROM reconciled_projects") == [("v3",)]

    async with an_instance(
        folder, ROUTES, clock=instance.clock, ROUNDSMAN_CIRCLECI_API="v2", ROUNDSMAN_RECONCILE_CALLS="60"
    ) as after:
        after.pretend.pipelines.pages_of = 3
        for one in instance.pretend.pipelines.all():
            after.pretend.run_finished(one)
        await reconcile(after, steps=12)

        assert len(after.rows(RECORDED)) == 51


async def test_filter_that_circleci_refuses_leaves_the_search_for_what_is_held(folder: Path) -> None:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API="v3") as instance:
        await begin(instance)
        instance.pretend.pipelines.refuses = " or "

        calls = await reconcile(instance, steps=6)
        missed(instance, run(instance, 1490, "failed", minutes_ago=2))
        await reconcile(instance, steps=9)

        assert sum(path == "/runs/search" for path in calls) == 7  # one was refused
        assert posts(instance)[-1] == (1490, "broke")


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
