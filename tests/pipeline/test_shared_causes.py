"""Projects that break of one cause are one message, and nothing of it is lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import Project, Run
from tests.app_fixture import RED, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: main}
    receiver: web
"""
IN_TROUBLE = "CircleCI or the network seems to be in trouble: {} workflows of {} projects"


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    async with a_house(folder, ROUTES) as house:
        yield house


def run(house: House, project: Project, *, status: str = "failed", number: int = 901, workflow: str = "build") -> Run:
    """A run that ends now, of which the same tests fail in each project."""
    return replace(
        RED,
        project=project,
        workflow=workflow,
        number=number,
        status=status,
        pushed_at=house.clock.now - timedelta(minutes=10),
    )


async def finish(house: House, *runs: Run) -> list[str]:
    """End runs; the titles of the messages that come."""
    before = len(house.channels.took)
    for one in runs:
        await house.finish(one)
    await house.drain()
    return [message.title for _, message in house.channels.took[before:]]


def several(count: int) -> list[Project]:
    return [replace(RED.project, name=f"service-{n}") for n in range(count)]


async def test_a_third_project_with_the_same_failure_is_told_as_a_shared_cause(house: House) -> None:
    first, second, third = several(3)
    assert len(await finish(house, run(house, first), run(house, second))) == 2

    assert await finish(house, run(house, third)) == [IN_TROUBLE.format(3, 3)]
    assert "service-2" in house.channels.took[-1][1].text
    assert "service-0" not in house.channels.took[-1][1].text
    assert house.rows("SELECT color, count(*) FROM told GROUP BY color") == [("red", 3)]
    assert house.rows("SELECT DISTINCT klass, class_by FROM incidents") == [
        ("infrastructure", "Roundsman: a shared cause")
    ]


async def test_a_storm_of_one_cause_is_one_message_and_the_end_of_each_is_told(house: House) -> None:
    projects = several(5)
    assert await finish(house, *(run(house, one) for one in projects)) == [IN_TROUBLE.format(5, 5)]

    house.clock.tick(minutes=15)
    fixed = await finish(house, *(run(house, one, status="success", number=902) for one in projects))
    assert sorted(fixed) == [f"acme/service-{n} main fixed after 15 min" for n in range(5)]
    assert house.rows("SELECT color, count(*) FROM told GROUP BY color") == [("green", 5)]


@pytest.mark.long
async def test_what_breaks_of_it_later_is_told_together(house: House) -> None:
    projects = several(7)
    await finish(house, *(run(house, one) for one in projects[:3]))
    house.clock.tick(minutes=2)
    assert await finish(house, *(run(house, one) for one in projects[3:5])) == []
    house.clock.tick(minutes=6)
    assert await finish(house, run(house, projects[5])) == []

    house.clock.tick(minutes=2)
    assert await finish(house) == ["CircleCI or the network is in trouble still: 3 more workflows of 3 projects"]
    assert house.rows("SELECT color, count(*) FROM told GROUP BY color") == [("red", 6)]
    house.clock.tick(minutes=10)
    [alone] = await finish(house, run(house, projects[6]))
    assert alone.startswith("acme/service-6 main broke: ")


@pytest.mark.long
async def test_what_is_fixed_before_it_was_told_is_left_out(house: House) -> None:
    projects = several(6)
    await finish(house, *(run(house, one) for one in projects[:3]))
    house.clock.tick(minutes=2)
    await finish(house, *(run(house, one) for one in projects[3:]))
    await finish(house, *(run(house, one, status="success", number=902) for one in projects[4:]))

    house.clock.tick(minutes=8)
    [alone] = await finish(house)
    assert alone.startswith("acme/service-3 main broke: ")


async def test_two_projects_or_longer_apart_are_no_shared_cause(house: House) -> None:
    first, second, third = several(3)
    two = [run(house, first), run(house, second), run(house, first, workflow="lint")]
    assert len(await finish(house, *two)) == 3

    house.clock.tick(minutes=31)
    [title] = await finish(house, run(house, third))
    assert title.startswith("acme/service-2 main broke: ")


async def test_a_class_that_a_person_gave_stays(house: House) -> None:
    first, *others = several(3)
    await finish(house, run(house, first))
    house.change("UPDATE incidents SET klass = 'flaky', class_by = 'ada'")

    await finish(house, *(run(house, one) for one in others))
    assert min(house.rows("SELECT klass, class_by FROM incidents")) == ("flaky", "ada")
