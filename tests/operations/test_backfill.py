"""`roundsman backfill` fills the holes of a project's history, and goes on where it was stopped."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary
from service.model.reconciling import BackfillState
from service.operations.backfill import Backfill
from service.testing.fake_circleci.faults import broken, too_many
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import GREEN, RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: main}
    receiver: web
"""
RECORDED = "SELECT pipeline_number, transition FROM runs ORDER BY pipeline_number"


class NoBudget:
    """A budget without a limit, which counts."""

    def __init__(self) -> None:
        self.taken = 0

    async def take(self) -> None:
        self.taken += 1


@pytest.fixture(params=["v3", "v2"])
async def instance(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as instance:
        instance.pretend.pipelines.pages_of = 3
        yield instance


def history(instance: Instance) -> list[Run]:
    """Seven runs, a day after each other; the third and the fourth are red."""
    return [
        replace(
            RED if number in {1482, 1483} else GREEN,
            number=number,
            pushed_at=instance.clock.now - timedelta(days=1487 - number, hours=2),
            waited_s=0,
        )
        for number in range(1480, 1487)
    ]


async def post_but(instance: Instance, *holes: int) -> list[Run]:
    """A history of which some runs were not posted."""
    every = history(instance)
    for one in every:
        instance.pretend.run_finished(one)
        if one.number not in holes:
            await instance.post(workflow_completed(one))
    await instance.drain()
    return every


async def backfill(instance: Instance, days: int = 30, crash_after: int | None = None) -> BackfillState:
    """Do the work of the command; it may be killed after so many pipelines."""
    waits: list[float] = []

    def progress(state: BackfillState) -> None:
        if state.asked == crash_after:
            raise KeyboardInterrupt

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        instance.clock.tick(seconds=seconds + 1)

    source = instance.service.context.source
    assert isinstance(source, CircleCI)
    work = Backfill(
        store=instance.service.context.store,
        source=source,
        budget=NoBudget(),
        clock=instance.clock,
        progress=progress,
        sleep=sleep,
    )
    return await work.run("gh/acme/web", instance.clock() - timedelta(days=days))


@pytest.mark.long
async def test_holes_are_filled_and_no_channel_is_told_of_them(instance: Instance) -> None:
    await post_but(instance, 1482, 1483, 1485)
    told = list(instance.channels.told)

    state = await backfill(instance)
    await instance.drain()

    assert (state.asked, state.found) == (7, 3)
    assert instance.rows(RECORDED) == [
        (1480, "passed"),
        (1481, "passed"),
        (1482, "broke"),
        (1483, "still_broken"),
        (1484, "fixed"),
        (1485, "passed"),
        (1486, "passed"),
    ]
    assert instance.channels.told == told
    assert (await backfill(instance)).found == 0


@pytest.mark.long
async def test_project_without_any_row_is_filled_too(instance: Instance) -> None:
    for one in history(instance):
        instance.pretend.run_finished(one)

    state = await backfill(instance)
    await instance.drain()

    assert (state.asked, state.found) == (7, 7)
    [project] = set(instance.rows("SELECT org, project_slug, project_name FROM events"))
    assert project == ("acme", "github/acme/web", "web")
    assert instance.channels.told == []


@pytest.mark.long
async def test_webhook_that_comes_after_a_backfill_tells_as_if_it_were_late(instance: Instance) -> None:
    *_, last = await post_but(instance, 1486)
    await backfill(instance)
    await instance.drain()

    await instance.post(workflow_completed(last))
    await instance.drain()

    assert len(instance.rows("SELECT id FROM runs")) == 7
    assert instance.channels.told == []


@pytest.mark.long
async def test_killed_backfill_goes_on_at_its_page(instance: Instance) -> None:
    await post_but(instance, 1481, 1485)
    with pytest.raises(KeyboardInterrupt):
        await backfill(instance, crash_after=4)
    before = len(instance.pretend.calls)
    instance.clock.tick(hours=1)

    state = await backfill(instance)
    await instance.drain()

    assert state.ended_at is not None
    assert len(instance.rows(RECORDED)) == 7
    if instance.settings.circleci_api == "v2":  # of v3 all are on one page
        asked = [call.path for call in instance.pretend.calls[before:] if call.path.endswith("/workflow")]
        assert len(asked) == 4


@pytest.mark.long
async def test_429_in_the_middle_is_waited_for(instance: Instance) -> None:
    await post_but(instance, 1481, 1485)
    instance.pretend.faults.next("*/pipeline", too_many("30"))
    instance.pretend.faults.next("/runs/search", too_many("30"))
    instance.pretend.faults.next("/pipeline/*/workflow", too_many(None), times=2)
    instance.pretend.faults.next("/pipeline/*/workflow", broken(500))

    assert (await backfill(instance)).found == 2


@pytest.mark.long
async def test_circleci_that_stays_away_ends_it_and_what_was_found_stays(instance: Instance) -> None:
    await post_but(instance, 1481, 1485)
    instance.pretend.faults.next("/pipeline/*/workflow", broken(503), times=100)

    with pytest.raises(Temporary):
        await backfill(instance)

    instance.pretend.faults = type(instance.pretend.faults)()
    assert (await backfill(instance)).found == 2


@pytest.mark.long
async def test_page_that_circleci_no_longer_knows_begins_the_list_anew(instance: Instance) -> None:
    await post_but(instance, 1481, 1485)
    with pytest.raises(KeyboardInterrupt):
        await backfill(instance, crash_after=4)
    instance.change("UPDATE project_backfills SET cursor = 'unknown'")

    await backfill(instance)
    await instance.drain()

    assert len(instance.rows(RECORDED)) == 7


@pytest.mark.long
async def test_unknown_project_is_an_error(instance: Instance) -> None:
    instance.pretend.faults.next("/project/*", broken(404), times=9)

    with pytest.raises(Permanent, match="there is no such thing"):
        await backfill(instance)


@pytest.mark.long
async def test_unfinished_pipeline_is_left_to_the_timer(instance: Instance) -> None:
    [first, *_] = history(instance)
    instance.pretend.run_finished(replace(first, status="on_hold"))

    await backfill(instance)

    assert instance.rows("SELECT id FROM pipelines_to_ask WHERE due_at IS NOT NULL") == [(first.pipeline_id,)]
