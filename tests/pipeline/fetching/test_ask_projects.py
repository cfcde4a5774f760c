"""CircleCI is asked for default branches and for the branches of silent reds: seldom, and after all else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.testing.fake_circleci.faults import Fault, broken
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Instance, an_instance

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
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES) as instance:
        yield instance


def run(instance: Instance, branch: str, status: str = "failed", number: int = 901) -> Run:
    """A run that ends now."""
    pushed_at = instance.clock.now - timedelta(minutes=10)
    return replace(RED, branch=branch, status=status, number=number, pushed_at=pushed_at)


async def finish(instance: Instance, *runs: Run) -> None:
    for one in runs:
        await instance.finish(one)
    await instance.drain()


async def ask(instance: Instance, **later: float) -> list[str]:
    """Look for what to ask; the paths of the calls, but for those of CircleCI's own figures."""
    instance.clock.tick(**later)
    before = len(instance.pretend.calls)
    await instance.service.pipeline.ask_projects()
    paths = [call.path for call in instance.pretend.calls[before:]]
    return [path for path in paths if not path.startswith(("/insights/gh/", "/insights/time-series/"))]


async def test_the_default_branch_of_a_project_is_asked_for_once(instance: Instance) -> None:
    await finish(instance, run(instance, "feature"))

    assert await ask(instance) == ["/project/github/acme/web"]
    assert instance.rows(DEFAULTS) == [("feature", "main")]
    assert await ask(instance, hours=25) == []
    await finish(instance, run(instance, "other", number=902))
    assert await ask(instance) == []
    assert instance.rows(DEFAULTS) == [("feature", "main"), ("other", "main")]


async def test_what_circleci_does_not_say_is_asked_for_again_on_the_next_day(instance: Instance) -> None:
    await finish(instance, run(instance, "feature"))
    instance.pretend.faults.next("/project/github/acme/web", broken(404))

    assert len(await ask(instance)) == 1
    assert await ask(instance, hours=1) == []
    assert instance.rows(DEFAULTS) == [("feature", None)]
    assert len(await ask(instance, hours=24)) == 1


@pytest.mark.long
async def test_a_red_of_a_branch_that_is_gone_expires_and_is_told_to_no_channel(instance: Instance) -> None:
    await finish(
        instance, run(instance, "feature"), run(instance, "kept", number=902), run(instance, "main", number=903)
    )
    await ask(instance)
    told = len(instance.channels.told)
    instance.pretend.deleted_branches |= {"feature", "main"}

    assert await ask(instance, days=2) == []
    assert instance.rows(OPEN) == [(3,)]
    assert await ask(instance, days=2) == ["/insights/github/acme/web/branches"]
    assert instance.rows("SELECT closed_because FROM incidents WHERE closed_because IS NOT NULL") == [("expired",)]
    assert instance.rows("SELECT branch FROM tracks WHERE color IS NULL") == [("feature",)]
    assert await ask(instance, hours=1) == []
    await instance.drain()
    assert len(instance.channels.told) == told


@pytest.mark.long
async def test_a_later_red_of_the_branch_opens_another_incident(instance: Instance) -> None:
    await finish(instance, run(instance, "feature"), run(instance, "main", "success", 902))
    instance.pretend.deleted_branches.add("feature")
    await ask(instance, days=4)
    assert instance.rows(OPEN) == [(0,)]

    await finish(instance, run(instance, "feature", number=950))
    assert instance.rows(OPEN) == [(1,)]
    assert [str(message.news) for _, message in instance.channels.took] == ["broke", "broke"]


@pytest.mark.long
@pytest.mark.parametrize("answer", [broken(503), broken(404), Fault(status=200, body=b'{"branches": []}')])
async def test_an_answer_that_lists_no_branch_ends_no_red(instance: Instance, answer: Fault) -> None:
    await finish(instance, run(instance, "feature"))
    await ask(instance)
    instance.pretend.faults.next("/insights/github/acme/web/branches", answer, times=10)
    await ask(instance, days=4)

    assert instance.rows(OPEN) == [(1,)]
