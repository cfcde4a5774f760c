"""CircleCI is asked for default branches and for the branches of silent reds: seldom, and after all else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.faults import Fault, broken
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: "*"}
    receiver: web
"""
DEFAULTS = "SELECT branch, posted_default FROM tracks ORDER BY branch"
OPEN = "SELECT count(*) FROM incidents WHERE closed_because IS NULL"


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES) as house:
        yield house


def run(house: House, branch: str, status: str = "failed", number: int = 901) -> Run:
    """A run that ends now."""
    pushed_at = house.clock.now - timedelta(minutes=10)
    return replace(RED, branch=branch, status=status, number=number, pushed_at=pushed_at)


async def finish(house: House, *runs: Run) -> None:
    for one in runs:
        await house.finish(one)
    await house.drain()


async def ask(house: House, **later: float) -> list[str]:
    """Look for what to ask; the paths of the calls, but for those of CircleCI's own figures."""
    house.clock.tick(**later)
    before = len(house.pretend.calls)
    await house.service.pipeline.ask_projects()
    paths = [call.path for call in house.pretend.calls[before:]]
    return [path for path in paths if not path.startswith(("/insights/gh/", "/insights/time-series/"))]


async def test_the_default_branch_of_a_project_is_asked_for_once(house: House) -> None:
    await finish(house, run(house, "feature"))

    assert await ask(house) == ["/project/github/acme/web"]
    assert house.rows(DEFAULTS) == [("feature", "main")]
    assert await ask(house, hours=25) == []
    await finish(house, run(house, "other", number=902))
    assert await ask(house) == []
    assert house.rows(DEFAULTS) == [("feature", "main"), ("other", "main")]


async def test_what_circleci_does_not_say_is_asked_for_again_on_the_next_day(house: House) -> None:
    await finish(house, run(house, "feature"))
    house.pretend.faults.next("/project/github/acme/web", broken(404))

    assert len(await ask(house)) == 1
    assert await ask(house, hours=1) == []
    assert house.rows(DEFAULTS) == [("feature", None)]
    assert len(await ask(house, hours=24)) == 1


@pytest.mark.long
async def test_a_red_of_a_branch_that_is_gone_expires_and_is_told_to_no_channel(house: House) -> None:
    await finish(house, run(house, "feature"), run(house, "kept", number=902), run(house, "main", number=903))
    await ask(house)
    told = len(house.channels.told)
    house.pretend.deleted_branches |= {"feature", "main"}

    assert await ask(house, days=2) == []
    assert house.rows(OPEN) == [(3,)]
    assert await ask(house, days=2) == ["/insights/github/acme/web/branches"]
    assert house.rows("SELECT closed_because FROM incidents WHERE closed_because IS NOT NULL") == [("expired",)]
    assert house.rows("SELECT branch FROM tracks WHERE color IS NULL") == [("feature",)]
    assert await ask(house, hours=1) == []
    await house.drain()
    assert len(house.channels.told) == told


@pytest.mark.long
async def test_a_later_red_of_the_branch_opens_another_incident(house: House) -> None:
    await finish(house, run(house, "feature"), run(house, "main", "success", 902))
    house.pretend.deleted_branches.add("feature")
    await ask(house, days=4)
    assert house.rows(OPEN) == [(0,)]

    await finish(house, run(house, "feature", number=950))
    assert house.rows(OPEN) == [(1,)]
    assert [str(message.news) for _, message in house.channels.took] == ["broke", "broke"]


@pytest.mark.long
@pytest.mark.parametrize("answer", [broken(503), broken(404), Fault(status=200, body=b'{"branches": []}')])
async def test_an_answer_that_lists_no_branch_ends_no_red(house: House, answer: Fault) -> None:
    await finish(house, run(house, "feature"))
    await ask(house)
    house.pretend.faults.next("/insights/github/acme/web/branches", answer, times=10)
    await ask(house, days=4)

    assert house.rows(OPEN) == [(1,)]
