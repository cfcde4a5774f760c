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
from tests.support.app_fixture import GREEN, RED, House, a_house

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
async def house(folder: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES, ROUNDSMAN_CIRCLECI_API=request.param) as house:
        house.pretend.pipelines.pages_of = 3
        yield house


def history(house: House) -> list[Run]:
    """Seven runs, a day after each other; the third and the fourth are red."""
    return [
        replace(
            RED if number in {1482, 1483} else GREEN,
            number=number,
            pushed_at=house.clock.now - timedelta(days=1487 - number, hours=2),
            waited_s=0,
        )
        for number in range(1480, 1487)
    ]


async def post_but(house: House, *holes: int) -> list[Run]:
    """A history of which some runs were not posted."""
    every = history(house)
    for one in every:
        house.pretend.run_finished(one)
        if one.number not in holes:
            await house.post(workflow_completed(one))
    await house.drain()
    return every


async def backfill(house: House, days: int = 30, crash_after: int | None = None) -> BackfillState:
    """Do the work of the command; it may be killed after so many pipelines."""
    waits: list[float] = []

    def progress(state: BackfillState) -> None:
        if state.asked == crash_after:
            raise KeyboardInterrupt

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        house.clock.tick(seconds=seconds + 1)

    source = house.service.context.source
    assert isinstance(source, CircleCI)
    work = Backfill(
        store=house.service.context.store,
        source=source,
        budget=NoBudget(),
        clock=house.clock,
        progress=progress,
        sleep=sleep,
    )
    return await work.run("gh/acme/web", house.clock() - timedelta(days=days))


@pytest.mark.long
async def test_holes_are_filled_and_no_channel_is_told_of_them(house: House) -> None:
    await post_but(house, 1482, 1483, 1485)
    told = list(house.channels.told)

    state = await backfill(house)
    await house.drain()

    assert (state.asked, state.found) == (7, 3)
    assert house.rows(RECORDED) == [
        (1480, "passed"),
        (1481, "passed"),
        (1482, "broke"),
        (1483, "still_broken"),
        (1484, "fixed"),
        (1485, "passed"),
        (1486, "passed"),
    ]
    assert house.channels.told == told
    assert (await backfill(house)).found == 0


@pytest.mark.long
async def test_project_without_any_row_is_filled_too(house: House) -> None:
    for one in history(house):
        house.pretend.run_finished(one)

    state = await backfill(house)
    await house.drain()

    assert (state.asked, state.found) == (7, 7)
    [project] = set(house.rows("SELECT org, project_slug, project_name FROM events"))
    assert project == ("acme", "github/acme/web", "web")
    assert house.channels.told == []


@pytest.mark.long
async def test_webhook_that_comes_after_a_backfill_tells_as_if_it_were_late(house: House) -> None:
    *_, last = await post_but(house, 1486)
    await backfill(house)
    await house.drain()

    await house.post(workflow_completed(last))
    await house.drain()

    assert len(house.rows("SELECT id FROM runs")) == 7
    assert house.channels.told == []


@pytest.mark.long
async def test_killed_backfill_goes_on_at_its_page(house: House) -> None:
    await post_but(house, 1481, 1485)
    with pytest.raises(KeyboardInterrupt):
        await backfill(house, crash_after=4)
    before = len(house.pretend.calls)
    house.clock.tick(hours=1)

    state = await backfill(house)
    await house.drain()

    assert state.ended_at is not None
    assert len(house.rows(RECORDED)) == 7
    if house.settings.circleci_api == "v2":  # of v3 all are on one page
        asked = [call.path for call in house.pretend.calls[before:] if call.path.endswith("/workflow")]
        assert len(asked) == 4


@pytest.mark.long
async def test_429_in_the_middle_is_waited_for(house: House) -> None:
    await post_but(house, 1481, 1485)
    house.pretend.faults.next("*/pipeline", too_many("30"))
    house.pretend.faults.next("/runs/search", too_many("30"))
    house.pretend.faults.next("/pipeline/*/workflow", too_many(None), times=2)
    house.pretend.faults.next("/pipeline/*/workflow", broken(500))

    assert (await backfill(house)).found == 2


@pytest.mark.long
async def test_circleci_that_stays_away_ends_it_and_what_was_found_stays(house: House) -> None:
    await post_but(house, 1481, 1485)
    house.pretend.faults.next("/pipeline/*/workflow", broken(503), times=100)

    with pytest.raises(Temporary):
        await backfill(house)

    house.pretend.faults = type(house.pretend.faults)()
    assert (await backfill(house)).found == 2


@pytest.mark.long
async def test_page_that_circleci_no_longer_knows_begins_the_list_anew(house: House) -> None:
    await post_but(house, 1481, 1485)
    with pytest.raises(KeyboardInterrupt):
        await backfill(house, crash_after=4)
    house.change("UPDATE project_backfills SET cursor = 'unknown'")

    await backfill(house)
    await house.drain()

    assert len(house.rows(RECORDED)) == 7


@pytest.mark.long
async def test_unknown_project_is_an_error(house: House) -> None:
    house.pretend.faults.next("/project/*", broken(404), times=9)

    with pytest.raises(Permanent, match="there is no such thing"):
        await backfill(house)


@pytest.mark.long
async def test_unfinished_pipeline_is_left_to_the_timer(house: House) -> None:
    [first, *_] = history(house)
    house.pretend.run_finished(replace(first, status="on_hold"))

    await backfill(house)

    assert house.rows("SELECT id FROM pipelines_to_ask WHERE due_at IS NOT NULL") == [(first.pipeline_id,)]
