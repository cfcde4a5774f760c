"""The figures that CircleCI counts: asked for once a day, last of all, kept apart, and shown with their age."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from service.db.tables import Transaction
from service.pipeline.digests.digest_insights import insight_lines
from service.pipeline.fetching.ask_insights import ask_insights
from service.store.reports.digest_rows import walk_runs
from service.testing.fake_circleci.faults import Fault, broken, too_many
from service.testing.fake_circleci.insights_routes import flaky_row
from service.testing.fake_circleci.organization import MOBILE
from tests.support.app_fixture import NINE, RED, Instance, an_instance
from tests.support.pages_fixture import text

HOSTILE = "<b>test_clock</b>\u202e"
PROJECT, WORKFLOW = "/projects/acme/web", f"/projects/acme/web/{RED.workflow}"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as opened:
        await opened.finish(RED)
        await opened.drain()
        opened.pretend.calls.clear()
        yield opened


async def ask(instance: Instance) -> list[str]:
    """Return the paths of the figures that a look asks for."""
    before = len(instance.pretend.calls)
    await ask_insights(instance.service.context)
    return [call.path for call in instance.pretend.calls[before:]]


@pytest.mark.long
async def test_each_figure_is_asked_for_once_a_day_and_shown_as_circlecis(instance: Instance) -> None:
    instance.pretend.insights.flaky = [flaky_row(RED, RED.jobs[0], test=HOSTILE, times=3)] * 2

    first, again = await ask(instance), await ask(instance)
    instance.clock.tick(days=1, minutes=1)
    next_day = await ask(instance)

    of = f"/insights/gh/acme/web/workflows/{RED.workflow}"
    of_project = "/insights/gh/acme/web"
    assert first[:3] == ["/insights/gh/acme/summary", f"{of_project}/workflows", f"{of_project}/flaky-tests"]
    series = of.replace("/insights/", "/insights/time-series/")
    assert {*first[3:]} >= {of, f"{of}/jobs", f"{of}/test-metrics", f"{series}/jobs"}
    assert first[-1].startswith(f"{of}/jobs/")
    assert again == []
    assert next_day == first

    project, workflow, tests = [text(await instance.http.get(path)) for path in (PROJECT, WORKFLOW, "/tests")]
    assert "CircleCI says" in project
    assert "0% of 1 run" in project.replace(" %", "%")
    assert "Our own figures above are apart from it" in project
    assert "all of them are on record here" in workflow
    assert "Its slowest job" in workflow
    assert "CircleCI calls flaky 1" in tests
    assert "flaked 3 times" in tests
    page = await instance.http.get("/tests")
    assert "<b>test_clock" not in page.text
    assert "\u202e" not in page.text


@pytest.mark.parametrize("column", ["project_slug", "workflow", "last_at"])
async def test_track_without_a_name_or_a_run_is_not_asked_for(instance: Instance, column: str) -> None:
    instance.change(f"UPDATE tracks SET {column} = NULL")  # noqa: S608 - our own columns

    assert await ask(instance) == []


@pytest.mark.long
async def test_runs_that_are_not_on_record_here_are_counted(instance: Instance) -> None:
    await ask(instance)
    instance.change("DELETE FROM runs")

    assert "1 of them is not on record here" in text(await instance.http.get(WORKFLOW))


@pytest.mark.long
async def test_runs_of_jobs_that_are_gone_are_tried_once_a_day_and_our_durations_stand_in(instance: Instance) -> None:
    instance.pretend.insights.has_job_runs = False

    first, again = await ask(instance), await ask(instance)
    instance.clock.tick(days=1, minutes=1)
    next_day = await ask(instance)

    assert "/jobs/" in first[-1]
    assert again == []
    assert [path for path in next_day if "/jobs/" in path] == [first[-1]]
    assert "our own durations above stand in" in text(await instance.http.get(WORKFLOW))


async def test_nothing_is_asked_when_circleci_leaves_little_room(instance: Instance) -> None:
    instance.pretend.faults.next("/insights/*", too_many("60"))

    first = await ask(instance)

    assert len(first) == 1
    assert await ask(instance) == []
    instance.clock.tick(seconds=61)
    assert len(await ask(instance)) > 5


@pytest.mark.long
@pytest.mark.parametrize("fault", [broken(500), broken(404), broken(403), Fault(status=200, body=b'{"items": 7}')])
async def test_what_is_refused_is_remembered_and_the_last_facts_stay(instance: Instance, fault: Fault) -> None:
    await ask(instance)
    instance.clock.tick(days=1, minutes=1)
    instance.pretend.faults.next("/insights/gh/acme/web/workflows", fault)

    await ask(instance)
    shown = text(await instance.http.get(PROJECT))

    assert await ask(instance) == []
    assert "The last try failed:" in shown
    assert "1 day ago" in shown
    assert RED.workflow in shown


@pytest.mark.long
async def test_a_slow_or_broken_answer_ends_the_look_and_is_tried_again(instance: Instance) -> None:
    instance.pretend.faults.next("/insights/gh/acme/summary", broken(503))

    assert await ask(instance) == ["/insights/gh/acme/summary"]
    assert (await ask(instance))[0] == "/insights/gh/acme/summary"


@pytest.mark.long
async def test_hyphens_and_underscores_are_read_alike(instance: Instance) -> None:
    row = flaky_row(RED, RED.jobs[0], test="test_clock", times=4)
    hyphens = {key.replace("_", "-"): value for key, value in row.items()}
    body = json.dumps({"flaky-tests": [hyphens], "total-flaky-tests": 1.0}).encode()
    instance.pretend.faults.next("/insights/*/flaky-tests", Fault(status=200, body=body))

    await ask(instance)

    assert "flaked 4 times" in text(await instance.http.get("/tests"))


def _lines(transaction: Transaction) -> Sequence[str]:
    """Return the lines of the projects that built in some days."""
    days = walk_runs(transaction, NINE - timedelta(days=2), NINE + timedelta(days=2))
    return insight_lines(transaction, [run for runs in days for run in runs])


@pytest.mark.long
async def test_a_digest_has_lines_of_it_and_old_projects_are_not_asked_for(instance: Instance) -> None:
    await instance.finish(replace(RED, project=MOBILE, number=2_000))
    await instance.drain()
    await ask(instance)

    lines = await instance.service.context.store.snapshot(_lines)
    instance.clock.tick(days=15)

    said = f"{RED.workflow}: 0 % successful of 1 run in 30 days, "
    assert [line.rpartition(", ")[0] + ", " for line in lines] == [f"acme/mobile {said}", f"acme/web {said}"]
    assert lines[0].endswith(" credits")
    assert await ask(instance) == []


@pytest.mark.long
async def test_an_instance_without_a_token_asks_nothing(folder: Path) -> None:
    async with an_instance(folder) as instance:
        assert await ask(instance) == []
