"""Projects that break of one cause are one message, and nothing of it is lost."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.organization import JobRun, Project, Run, TestResult
from tests.support.app_fixture import RED, Instance, an_instance

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
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def run(
    instance: Instance, project: Project, *, status: str = "failed", number: int = 901, workflow: str = "build"
) -> Run:
    """A run that ends now, of which the same tests fail in each project."""
    return replace(
        RED,
        project=project,
        workflow=workflow,
        number=number,
        status=status,
        pushed_at=instance.clock.now - timedelta(minutes=10),
    )


async def finish(instance: Instance, *runs: Run) -> list[str]:
    """End runs; the titles of the messages that come."""
    before = len(instance.channels.took)
    for one in runs:
        await instance.finish(one)
    await instance.drain()
    return [message.title for _, message in instance.channels.took[before:]]


def several(count: int) -> list[Project]:
    return [replace(RED.project, name=f"service-{n}") for n in range(count)]


@pytest.mark.long
async def test_a_third_project_with_the_same_failure_is_told_as_a_shared_cause(instance: Instance) -> None:
    first, second, third = several(3)
    assert len(await finish(instance, run(instance, first), run(instance, second))) == 2

    assert await finish(instance, run(instance, third)) == [IN_TROUBLE.format(3, 3)]
    assert "service-2" in instance.channels.took[-1][1].text
    assert "service-0" not in instance.channels.took[-1][1].text
    assert instance.rows("SELECT color, count(*) FROM told GROUP BY color") == [("red", 3)]
    assert instance.rows("SELECT DISTINCT klass, class_by FROM incidents") == [
        ("infrastructure", "Roundsman: a shared cause")
    ]


@pytest.mark.long
async def test_a_storm_of_one_cause_is_one_message_and_the_end_of_each_is_told(instance: Instance) -> None:
    projects = several(5)
    assert await finish(instance, *(run(instance, one) for one in projects)) == [IN_TROUBLE.format(5, 5)]

    instance.clock.tick(minutes=15)
    fixed = await finish(instance, *(run(instance, one, status="success", number=902) for one in projects))
    assert sorted(fixed) == [f"acme/service-{n} main fixed after 15 min" for n in range(5)]
    assert instance.rows("SELECT color, count(*) FROM told GROUP BY color") == [("green", 5)]


@pytest.mark.long
async def test_what_breaks_of_it_later_is_told_together(instance: Instance) -> None:
    projects = several(7)
    await finish(instance, *(run(instance, one) for one in projects[:3]))
    instance.clock.tick(minutes=2)
    assert await finish(instance, *(run(instance, one) for one in projects[3:5])) == []
    instance.clock.tick(minutes=6)
    assert await finish(instance, run(instance, projects[5])) == []

    instance.clock.tick(minutes=2)
    assert await finish(instance) == ["CircleCI or the network is in trouble still: 3 more workflows of 3 projects"]
    assert instance.rows("SELECT color, count(*) FROM told GROUP BY color") == [("red", 6)]
    instance.clock.tick(minutes=10)
    [alone] = await finish(instance, run(instance, projects[6]))
    assert alone.startswith("acme/service-6 main broke: ")


@pytest.mark.long
async def test_what_is_fixed_before_it_was_told_is_left_out(instance: Instance) -> None:
    projects = several(6)
    await finish(instance, *(run(instance, one) for one in projects[:3]))
    instance.clock.tick(minutes=2)
    await finish(instance, *(run(instance, one) for one in projects[3:]))
    await finish(instance, *(run(instance, one, status="success", number=902) for one in projects[4:]))

    instance.clock.tick(minutes=8)
    [alone] = await finish(instance)
    assert alone.startswith("acme/service-3 main broke: ")


@pytest.mark.long
async def test_two_projects_or_longer_apart_are_no_shared_cause(instance: Instance) -> None:
    first, second, third = several(3)
    two = [run(instance, first), run(instance, second), run(instance, first, workflow="lint")]
    assert len(await finish(instance, *two)) == 3

    instance.clock.tick(minutes=31)
    [title] = await finish(instance, run(instance, third))
    assert title.startswith("acme/service-2 main broke: ")


@pytest.mark.long
async def test_a_class_that_a_person_gave_stays(instance: Instance) -> None:
    first, *others = several(3)
    await finish(instance, run(instance, first))
    instance.change("UPDATE incidents SET klass = 'flaky', class_by = 'ada'")

    await finish(instance, *(run(instance, one) for one in others))
    assert min(instance.rows("SELECT klass, class_by FROM incidents")) == ("flaky", "ada")


def failing(instance: Instance, project: Project, *names: str, of: int) -> Run:
    """A run that ends now, whose tests fail in a way of the project's own."""
    failures = tuple(
        TestResult(name=name, class_name=project.name, file="", result="failure", message=f"{project.name} {name}")
        for name in names
    )
    passes = tuple(TestResult(name=f"passes {n}", class_name=project.name, file="") for n in range(of - len(names)))
    job = JobRun(name="unit", status="failed", lasts_s=60, tests=(*passes, *failures))
    return replace(run(instance, project), jobs=(replace(job, number=5000),))


ALL = tuple("abcdefghij")


async def test_projects_of_which_nearly_all_tests_fail_share_a_cause_without_a_fingerprint(instance: Instance) -> None:
    projects = several(3)

    titles = await finish(instance, *(failing(instance, one, *ALL[:9], of=10) for one in projects))

    assert len({row[0] for row in instance.rows("SELECT fingerprint FROM incidents")}) == 3
    assert titles == [IN_TROUBLE.format(3, 3)]
    assert "nearly all their tests fail, or jobs timed out" in instance.channels.took[-1][1].text


@pytest.mark.long
async def test_projects_of_which_some_tests_fail_each_in_its_way_share_none(instance: Instance) -> None:
    assert len(await finish(instance, *(failing(instance, one, *ALL[:8], of=10) for one in several(3)))) == 3


@pytest.mark.long
async def test_a_channel_that_was_told_of_one_project_before_hears_that_the_cause_is_shared(folder: Path) -> None:
    async with an_instance(folder, APART % "") as instance:
        first, *others = several(4)
        await finish(instance, run(instance, first))
        instance.clock.tick(minutes=2)
        await finish(instance, *(run(instance, one) for one in others))
        heard = [message for label, message in instance.channels.took if label == "first (json)"]

        assert [one.title for one in heard[1:]] == [IN_TROUBLE.format(4, 4)]
        assert "- acme/service-0 main build" in heard[-1].text
        assert "service-1" not in heard[-1].text
        await finish(instance, run(instance, others[0], number=902))
        assert instance.channels.told.count("first (json)") == 2


@pytest.mark.long
async def test_a_channel_in_quiet_hours_hears_of_no_shared_cause(folder: Path) -> None:
    async with an_instance(folder, APART % NIGHT) as instance:
        first, *others = several(3)
        await finish(instance, run(instance, first))
        instance.clock.tick(minutes=2)
        await finish(instance, *(run(instance, one) for one in others))

        assert instance.channels.told.count("first (json)") == 1
        assert "others (json)" in instance.channels.told


@pytest.mark.long
async def test_a_channel_whose_break_is_fixed_hears_of_no_shared_cause(folder: Path) -> None:
    async with an_instance(folder, APART % "") as instance:
        first, *others = several(4)
        await finish(instance, run(instance, first))
        await finish(instance, run(instance, first, status="success", number=902))
        instance.clock.tick(minutes=2)
        await finish(instance, *(run(instance, one) for one in others))

        assert instance.channels.told.count("first (json)") == 2
        assert "others (json)" in instance.channels.told


@pytest.mark.long
@pytest.mark.parametrize(("count", "more"), [(20, []), (22, ["- and 2 more"])])
async def test_a_channel_that_was_told_of_many_hears_of_twenty_by_name(
    folder: Path, count: int, more: list[str]
) -> None:
    async with an_instance(folder, APART % "") as instance:
        first, *others = several(3)
        await finish(instance, *(run(instance, first, workflow=f"build-{n}") for n in range(count)))
        instance.clock.tick(minutes=2)
        await finish(instance, *(run(instance, one) for one in others))
        text = [message for label, message in instance.channels.took if label == "first (json)"][-1].text

    lines = text.splitlines()
    assert sum(line.startswith("- acme/service-0 main build-") for line in lines) == 20
    assert [line for line in lines if line.startswith("- and ")] == more
