"""Projects that break of one cause are one message, and nothing of it is lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import JobRun, Project, Run, TestResult
from tests.support.app_fixture import RED, House, a_house

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {branch: main}
    receiver: web
"""
IN_TROUBLE = "CircleCI or the network seems to be in trouble: {} workflows of {} projects"


APART = """\
receivers:
  first: {channels: [json://first.example.com]}
  others: {channels: [json://others.example.com, pagerduty://0123456789abcdef0123456789abcdef@abcdefghijklmnopqrs]}
routes:
  - match: {project: "gh/acme/service-0", branch: main}
    receiver: first
%s  - match: {branch: main}
    receiver: others
"""
NIGHT = '    active: {hours: "08:00-09:31", timezone: UTC}\n'


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


@pytest.mark.long
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


@pytest.mark.long
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


@pytest.mark.long
async def test_two_projects_or_longer_apart_are_no_shared_cause(house: House) -> None:
    first, second, third = several(3)
    two = [run(house, first), run(house, second), run(house, first, workflow="lint")]
    assert len(await finish(house, *two)) == 3

    house.clock.tick(minutes=31)
    [title] = await finish(house, run(house, third))
    assert title.startswith("acme/service-2 main broke: ")


@pytest.mark.long
async def test_a_class_that_a_person_gave_stays(house: House) -> None:
    first, *others = several(3)
    await finish(house, run(house, first))
    house.change("UPDATE incidents SET klass = 'flaky', class_by = 'ada'")

    await finish(house, *(run(house, one) for one in others))
    assert min(house.rows("SELECT klass, class_by FROM incidents")) == ("flaky", "ada")


def failing(house: House, project: Project, *names: str, of: int) -> Run:
    """A run that ends now, whose tests fail in a way of the project's own."""
    failures = tuple(
        TestResult(name=name, class_name=project.name, file="", result="failure", message=f"{project.name} {name}")
        for name in names
    )
    passes = tuple(TestResult(name=f"passes {n}", class_name=project.name, file="") for n in range(of - len(names)))
    job = JobRun(name="unit", status="failed", lasts_s=60, tests=(*passes, *failures))
    return replace(run(house, project), jobs=(replace(job, number=5000),))


ALL = tuple("abcdefghij")


async def test_projects_of_which_nearly_all_tests_fail_share_a_cause_without_a_fingerprint(house: House) -> None:
    projects = several(3)

    titles = await finish(house, *(failing(house, one, *ALL[:9], of=10) for one in projects))

    assert len({row[0] for row in house.rows("SELECT fingerprint FROM incidents")}) == 3
    assert titles == [IN_TROUBLE.format(3, 3)]
    assert "nearly all their tests fail, or jobs timed out" in house.channels.took[-1][1].text


@pytest.mark.long
async def test_projects_of_which_some_tests_fail_each_in_its_way_share_none(house: House) -> None:
    assert len(await finish(house, *(failing(house, one, *ALL[:8], of=10) for one in several(3)))) == 3


@pytest.mark.long
async def test_a_channel_that_was_told_of_one_project_before_hears_that_the_cause_is_shared(folder: Path) -> None:
    async with a_house(folder, APART % "") as house:
        first, *others = several(4)
        await finish(house, run(house, first))
        house.clock.tick(minutes=2)
        await finish(house, *(run(house, one) for one in others))
        heard = [message for label, message in house.channels.took if label == "first (json)"]

        assert [one.title for one in heard[1:]] == [IN_TROUBLE.format(4, 4)]
        assert "- acme/service-0 main build" in heard[-1].text
        assert "service-1" not in heard[-1].text
        await finish(house, run(house, others[0], number=902))
        assert house.channels.told.count("first (json)") == 2


@pytest.mark.long
async def test_a_channel_in_quiet_hours_hears_of_no_shared_cause(folder: Path) -> None:
    async with a_house(folder, APART % NIGHT) as house:
        first, *others = several(3)
        await finish(house, run(house, first))
        house.clock.tick(minutes=2)
        await finish(house, *(run(house, one) for one in others))

        assert house.channels.told.count("first (json)") == 1
        assert "others (json)" in house.channels.told
