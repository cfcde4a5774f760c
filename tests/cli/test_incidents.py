"""The commands that say what is red, and who has it."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from service.testing import sample_runs
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, RED_TO_WEB, Clock, an_instance, environ
from tests.support.cli_runner import Terminal
from tests.support.sample_history import NOWHERE, Past, operator, past
from tests.support.terminal_screens import on_screen

__all__ = ["operator", "past"]  # pytest finds fixtures by name


def test_a_green_branch_ends_with_code_0(operator: Terminal, past: Past) -> None:
    said = operator.run("status", "gh/acme/web")

    assert (said.code, said.lines[0][:31]) == (0, "gh/acme/web main is green since")
    assert operator.run("status", "acme/web", "--json").json["state"] == "green"


def test_without_a_project_it_says_how_many_workflows_are_in_the_state(operator: Terminal, past: Past) -> None:
    said = operator.run("status")

    assert re.match(
        r"1 of \d+ workflows? is (red|green) since |\d+ of \d+ workflows are (red|green), the longest since ", said.out
    )
    assert "every project" not in said.out
    assert operator.run("status", "--branch", "nowhere").lines[0] == "no run of a workflow is on record there"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("gh/acme/wbe",), "no run of project 'gh/acme/wbe' is on record; did you mean "),
        (("web", "--branch", "mian"), "no run of branch 'mian' is on record; did you mean main?"),
        (("web", "--workflow", "build-and-tset"), "no run of workflow 'build-and-tset' is on record; did you mean"),
    ],
)
def test_what_has_no_runs_is_unknown_and_ends_with_code_1(
    operator: Terminal, words: tuple[str, ...], problem: str
) -> None:
    said = operator.run("status", *words)

    assert (said.code, "is unknown" in said.out) == (1, True)
    assert " ".join(said.problems).startswith(problem)


def test_wrong_use_ends_with_code_2(operator: Terminal) -> None:
    assert operator.run("status", "--brunch", "main").code == 2
    assert operator.run("incidents", "list", "--state", "opne").problems == [
        "'opne' is not a state; did you mean open?"
    ]


def test_incidents_are_listed_and_shown(operator: Terminal) -> None:
    [incident] = operator.run("incidents", "list", "--project", "web", "--json").json["items"]
    listed = operator.run("incidents", "list")
    shown = operator.run("incidents", "show", incident["id"][:8])

    assert listed.lines[1].split()[:2] == [incident["id"], "closed"]
    assert shown.lines[0] == f"incident {incident['id']} of acme/web main build-and-test"
    assert shown.lines[1].startswith("  closed, red once since ")
    assert listed.lines[1].split()[4:6] == ["acme/web", "main"]
    assert operator.run("incidents", "list", "--state", "open").lines == ["no incidents"]
    assert operator.run("incidents", "list", "--project", "gh/acme/other").lines == [
        "no incidents; no run of project 'gh/acme/other' is on record; did you mean gh/acme/web?"
    ]


def test_an_incident_is_classified_and_it_is_on_record(operator: Terminal) -> None:
    [incident] = operator.run("incidents", "list", "--json").json["items"]

    done = operator.run("incidents", "classify", incident["id"], "flaky", "--because", "the runner", "--json")
    shown = operator.run("incidents", "show", incident["id"])

    assert (done.code, done.json["class"], done.json["class_by"][:14]) == (0, "flaky", "command line, ")
    assert shown.lines[-1].endswith(": the runner")


def test_what_makes_no_sense_ends_with_code_1_and_wrong_use_with_2(operator: Terminal) -> None:
    [incident] = operator.run("incidents", "list", "--json").json["items"]

    taken = operator.run("incidents", "take", incident["id"])
    muted = operator.run("incidents", "mute", incident["id"], "--until", "2020-01-01")
    unknown = operator.run("incidents", "release", NOWHERE)

    assert (taken.code, "there is nothing to take" in taken.err) == (1, True)
    assert (muted.code, "is not later than now" in muted.err) == (2, True)
    assert (unknown.code, "`roundsman incidents list`" in unknown.err) == (1, True)


@pytest.mark.long
def test_status_of_all_counts_what_is_open_on_other_branches(
    terminal: Terminal, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.configure(RED_TO_WEB)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    red = sample_runs.web_main_red(yesterday.date())
    others = [replace(red, number=900 + number, branch=f"release/{number}") for number in range(2)]
    asyncio.run(_break(folder, red, *others, clock=Clock(now=yesterday)))
    capsys.readouterr()  # the log of the service

    every, project = terminal.run("status"), terminal.run("status", "acme/web")

    assert len(terminal.run("incidents", "list", "--state", "open", "--json").json["items"]) == 3
    assert "2 more incidents are open elsewhere: `roundsman incidents list --state open`" in every.lines
    assert "elsewhere" not in project.out


@pytest.mark.long
def test_an_open_incident_is_taken_muted_and_released(
    terminal: Terminal, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.configure(RED_TO_WEB)
    asyncio.run(_break(folder))
    capsys.readouterr()  # the log of the service
    [incident] = terminal.run("incidents", "list", "--state", "open", "--json").json["items"]

    taken = terminal.run("incidents", "take", incident["id"][:8], "--by", "Linh", "--note", "the runner")
    muted = terminal.run("incidents", "mute", incident["id"][:8], "--json")
    said = terminal.run("incidents", "show", incident["id"][:8])

    assert (taken.code, muted.code, muted.json["muted_until"][:4]) == (0, 0, "9999")
    assert "muted until it is fixed" in said.out
    assert "taken by Linh" in " ".join(said.out.split())
    assert terminal.run("incidents", "release", incident["id"]).code == 0
    assert terminal.run("incidents", "release", incident["id"]).code == 1


@pytest.mark.long
def test_the_take_of_another_is_replaced_when_the_person_says_so(
    terminal: Terminal, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.configure(RED_TO_WEB)
    asyncio.run(_break(folder))
    capsys.readouterr()  # the log of the service
    [incident] = terminal.run("incidents", "list", "--state", "open", "--json").json["items"]
    words = ("incidents", "take", incident["id"][:8], "--by")
    terminal.run(*words, "Linh")

    refused = terminal.run(*words, "Ada")
    replaced = terminal.run(*words, "Ada", "--replace", "--json")
    given: Any = environ(folder, RED_TO_WEB)
    kept, taken = (on_screen(*words, "Priya", folder=folder, keys=f"{key}\n", **given) for key in "ny")

    assert (refused.code, "is taken by Linh, since " in refused.err) == (2, True)
    assert "add --replace" in " ".join(refused.err.split())
    assert replaced.json["taken"]["by"] == "Ada"
    assert (kept.code, taken.code) == (1, 0)
    assert "is taken by Ada, since" in " ".join(kept.text.split())
    assert "taken by Priya, " in " ".join(taken.text.split())


async def _break(folder: Path, *runs: Run, clock: Clock | None = None) -> None:
    async with an_instance(folder, clock=clock) as instance:
        for run in runs or (RED,):
            await instance.finish(run)
        await instance.drain()
