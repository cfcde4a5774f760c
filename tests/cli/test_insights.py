"""CircleCI's own figures beside ours: the command, the API, suggestions and what is gone."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.db.migrate import migrate
from service.operations.checks.suggestions import suggest_branches, suggest_projects
from service.pipeline.fetching.ask_insights import ask_insights
from service.pipeline.fetching.ask_projects import AskedProjects, ask_projects
from service.testing import sample_runs
from service.testing.fake_circleci.insights_routes import flaky_row
from tests.cli.test_completion import complete
from tests.support.app_fixture import RED, Clock, Instance, an_instance
from tests.support.cli_runner import Terminal
from tests.support.pages_fixture import text
from tests.support.terminal_screens import on_screen

API = "/api/v1/insights"
PROJECT = "gh/acme/web"
BRANCH = f"/projects/acme/web/{RED.workflow}?branch=topic"
YAML = "receivers:\n  web: {channels: [json://web.example.com]}\nroutes:\n  - {receiver: web}\n"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as opened:
        await opened.finish(RED)
        await opened.drain()
        opened.pretend.insights.flaky = [flaky_row(RED, RED.jobs[0], test="test_clock", times=3)]
        await ask_insights(opened.service.context)
        yield opened


async def read(instance: Instance, **asked: str) -> Any:
    response = await instance.http.get(API, params=asked)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])
async def test_each_workflow_has_both_figures_apart(instance: Instance) -> None:
    found = await read(instance, project=PROJECT)

    [workflow], [test], [project] = found["workflows"], found["flaky_tests"], found["projects"]
    assert workflow["workflow"] == RED.workflow
    assert workflow["circleci"]["runs"] == workflow["ours"]["runs"] == 1
    assert (workflow["circleci"]["share"], workflow["ours"]["green_share"]) == (0, 0)
    assert set(workflow["circleci"]) & set(workflow["ours"]) == {"runs", "median_s"}
    assert (test["test"], test["circleci"]["times"], test["ours"]) == ("test_clock", 3, None)
    assert project["branches"] == {
        "circleci": {"count": 1, "asked_at": project["asked_at"]},
        "ours": {"count": 1},
        "gone": [],
        "more_gone": 0,
    }
    assert set(found["sources"]) == {"circleci", "ours"}
    assert found["workflow"] is None
    assert (await read(instance))["workflows"] == found["workflows"]


@pytest.mark.long
async def test_workflow_of_a_project_is_told_more_of_and_unknown_ones_are_refused(instance: Instance) -> None:
    instance.pretend.insights.has_job_runs = False
    kept = []
    for _ in range(2):
        instance.clock.tick(days=1, minutes=1)
        await ask_insights(instance.service.context)
        kept.append((await read(instance, project="acme/web", workflow=RED.workflow))["workflow"]["slowest"]["job"])

    found = await read(instance, project="acme/web", workflow=RED.workflow)
    unknown = await read(instance, project="acme/wbe")
    refused = await instance.http.get(API, params={"branch": "main"})

    assert kept == ["unit-tests", None]
    assert "404" in found["workflow"]["slowest"]["reason"]
    assert (unknown["workflows"], "did you mean acme/web" in unknown["unknown"]) == ([], True)
    assert refused.status_code == 400
    assert (await read(instance, workflow="none"))["workflows"] == []


@pytest.mark.long
async def test_branch_that_circleci_lists_no_more_is_told_and_no_longer_suggested(instance: Instance) -> None:
    await instance.finish(replace(RED, branch="topic", number=901))
    await instance.drain()
    instance.pretend.deleted_branches.add("topic")
    before = await suggested(instance)
    instance.clock.tick(days=4)
    await ask_insights(instance.service.context)
    calls = len(instance.pretend.calls)

    found = await read(instance, project=PROJECT)
    pages = [text(await instance.http.get(path)) for path in (BRANCH, "/projects/acme/web")]
    after = await suggested(instance)
    await ask_projects(instance.service.context, AskedProjects())

    [project] = found["projects"]
    assert [one["branch"] for one in project["branches"]["gone"]] == ["topic"]
    assert "CircleCI lists this branch no more" in pages[0]
    assert "topic (CircleCI lists it no more)" in pages[1]
    assert ("topic" in before, "topic" in after) == (True, False)
    assert [one.path for one in instance.pretend.calls[calls:] if one.path.endswith("/branches")] == []
    assert instance.rows("SELECT closed_because FROM incidents WHERE closed_because IS NOT NULL") == [("expired",)]


async def suggested(instance: Instance) -> list[str]:
    return await instance.service.context.store.snapshot(suggest_branches, PROJECT)


@pytest.mark.long
async def test_names_that_circleci_alone_knows_are_suggested(instance: Instance) -> None:
    instance.pretend.run_finished(replace(RED, branch="release/9", number=902))
    instance.clock.tick(days=1, minutes=1)
    await ask_insights(instance.service.context)

    branches = await instance.service.context.store.snapshot(suggest_branches)
    projects = await instance.service.context.store.snapshot(suggest_projects)
    pages = [(await instance.http.get(path)).text for path in ("/tests?project=acme/web", "/incidents", "/builds")]

    assert branches == ["main", "release/9"]
    assert "gh/acme/shop-api" in projects
    assert ["release/9" in page for page in pages] == [True] * 3
    assert "gh/acme/shop-api" in pages[0]


@pytest.mark.long
async def test_flaky_tests_say_which_source_calls_them_so(instance: Instance) -> None:
    [failed, *_] = [test for job in RED.jobs for test in job.tests if test.result == "failure"]
    rows = [flaky_row(RED, job, test=failed.name, times=9) for job in RED.jobs if failed in job.tests]
    instance.pretend.insights.flaky += rows
    instance.clock.tick(days=1, minutes=1)
    await ask_insights(instance.service.context)

    page = text(await instance.http.get("/tests"))
    both = {one["test"]: one["ours"] for one in (await instance.http.get("/tests.json")).json()["circleci"]["tests"]}

    assert f"{failed.name} of {rows[0]['job_name']} in gh/acme/web: flaked 9 times; by our own results" in page
    assert "flaked 3 times; our own results do not call it flaky" in page
    assert both["test_clock"] is None
    assert both[failed.name] in {"new", "failing"}


def at_terminal(terminal: Terminal, *, asks: bool = True) -> None:
    """Have a history with CircleCI's figures in the folder of a terminal."""
    migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")

    async def fill() -> None:
        async with an_instance(terminal.folder, YAML, clock=Clock(now=datetime.now(UTC))) as instance:
            run = sample_runs.web_main_red(datetime.now(UTC).date() - timedelta(days=1))
            await instance.finish(run)
            await instance.drain()
            instance.pretend.insights.flaky = [flaky_row(run, run.jobs[0], test="test_" + "clock" * 20, times=3)]
            if asks:
                await ask_insights(instance.service.context)

    asyncio.run(fill())
    terminal.configure(YAML)
    terminal.run("version")  # after it nothing that the instance logged is left to read


@pytest.mark.long
def test_command_shows_both_at_80_columns(terminal: Terminal) -> None:
    at_terminal(terminal)
    given: dict[str, Any] = {name: value for name, value in os.environ.items() if name.startswith("ROUNDSMAN_")}

    words = ("insights", "--project", "acme/web", "--workflow", RED.workflow)
    said = on_screen(*words, folder=terminal.folder, **given)
    as_json = terminal.run("insights", "--json").json

    assert said.code == 0
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said.text).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[0].split() == [
        "project",
        "workflow",
        "CircleCI",
        "says",
        "median",
        "our",
        "record",
        "median",
        "credits",
    ]
    assert "0 % of 1" in lines[1]
    assert "flaked 3 times" in said.text
    assert "CircleCI counts 1 run, all of them on record here" in said.text
    assert "counted by CircleCI once a day" in " ".join(said.text.split())
    assert [one["project"] for one in as_json["projects"]] == [PROJECT]


@pytest.mark.long
def test_command_says_when_nothing_is_kept(terminal: Terminal) -> None:
    at_terminal(terminal, asks=False)

    every, one = terminal.run("insights"), terminal.run("insights", "--project", "acme/web")

    assert (every.code, one.code) == (1, 1)
    assert "no figures of CircleCI's are kept yet" in every.out
    assert "CircleCI has not been asked yet" in one.out


@pytest.mark.long
def test_check_names_a_branch_that_is_misspelled(terminal: Terminal) -> None:
    at_terminal(terminal)
    terminal.configure(
        YAML.replace("{receiver: web}", "{receiver: web, match: {branch: [mian, main, x], project: acme/wbe}}")
    )

    said = terminal.run("check")

    lines = [line for line in " ".join(said.out.split()).split("note ") if "did you mean" in line]
    assert len(lines) == 2
    assert "no branch 'mian' is on record, and CircleCI lists no such branch; did you mean main?" in " ".join(lines)
    assert "did you mean acme/web" in " ".join(lines)


@pytest.mark.long
def test_projects_and_branches_are_completed(terminal: Terminal) -> None:
    at_terminal(terminal)
    environ = {name: value for name, value in os.environ.items() if name.startswith("ROUNDSMAN_")}

    lines = ["tests list --project gh/acme/w", "tests list --project acme/web --branch m", "status --branch zz"]
    said = [complete(f"roundsman {line}", **environ) for line in lines]
    broken = complete("roundsman status --branch m", **environ | {"ROUNDSMAN_DATABASE_URL": "sqlite:////nowhere/x.db"})

    assert [one.stdout.split() for one in said] == [["gh/acme/web"], ["main"], []]
    assert (broken.stdout.strip(), "Traceback" in broken.stderr) == ("", False)
