"""The commands for tests."""

import asyncio
import shutil
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.app_fixture import RED, RED_TO_WEB, Clock, an_instance
from tests.support.cli_runner import Terminal

NAME = "test_expired_voucher_is_refused"


@pytest.fixture(scope="module")
def lived(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a service has lived whose main branch is red."""
    folder = tmp_path_factory.mktemp("red")
    shutil.copy(migrated, folder / "roundsman.db")
    asyncio.run(_live(folder))
    return folder


@pytest.fixture
def operator(lived: Path, terminal: Terminal) -> Terminal:
    """Somebody at a terminal in that folder."""
    shutil.copytree(lived, terminal.folder, dirs_exist_ok=True)
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")
    return terminal


async def _live(folder: Path) -> None:
    now = datetime.now(UTC)
    async with an_instance(folder, RED_TO_WEB, clock=Clock(now=now)) as instance:
        await instance.finish(replace(RED, pushed_at=now - timedelta(hours=1)))
        await instance.drain()


def test_tests_are_listed(operator: Terminal) -> None:
    items = operator.run("tests", "list", "--json").json["items"]
    listed = operator.run("tests", "list", "--state", "failing")

    assert (listed.code, len(listed.lines)) == (0, len(items) + 1)
    assert NAME in {item["name"] for item in items}
    assert operator.run("tests", "list", "--project", "gh/acme/other").lines == [
        "no tests; no run of project 'gh/acme/other' is on record; did you mean gh/acme/web?"
    ]


def test_a_project_whose_slug_is_a_code_goes_by_its_name(operator: Terminal) -> None:
    with sqlite3.connect(operator.folder / "roundsman.db") as database:
        for table in ("tests", "tracks"):
            database.execute(f"UPDATE {table} SET project_slug = 'circleci/8bYtwq3LrVZsQpN5uEkH2m/6TfQmLxKc2VbYr'")  # noqa: S608 - names of our own

    assert "acme/web" in operator.run("tests", "show", NAME).out
    assert "circleci/" not in operator.run("tests", "show", NAME).out
    assert operator.run("status", "acme/web").lines[0].startswith("acme/web main is red")


def test_commands_say_for_how_many_red_runs_tests_are_known(operator: Terminal) -> None:
    with sqlite3.connect(operator.folder / "roundsman.db") as database:
        database.execute("UPDATE details SET has_tests = 0")
    known = "tests known for 0 of 1 red runs of the last 90 days"

    assert operator.run("tests", "list").lines[-1] == known
    assert operator.run("tests", "show", NAME).lines[-1] == known
    assert known in operator.run("status", "acme/web").lines
    assert operator.run("tests", "list", "--json").json["coverage"] == {"known": 0, "red_runs": 1}


def test_commands_say_nothing_of_coverage_where_all_is_known(operator: Terminal) -> None:
    for words in (("tests", "list"), ("tests", "show", NAME), ("status", "acme/web")):
        assert not any("tests known for" in line for line in operator.run(*words).lines)


def test_a_test_is_shown_with_its_results(operator: Terminal) -> None:
    shown = operator.run("tests", "show", NAME)
    [item] = operator.run("tests", "show", NAME, "--json").json["items"]

    assert shown.code == 0
    assert shown.lines[0].startswith(f"{NAME} in tests.checkout.test_vouchers: ")
    assert [one["result"] for one in item["results"]] == ["failed"]


def test_what_is_not_there_is_named(operator: Terminal) -> None:
    said = operator.run("tests", "show", "test_nothing")
    wrong = operator.run("tests", "list", "--state", "broken")

    assert said.code == 1
    assert "no test of the name 'test_nothing' has failed" in said.err
    assert wrong.code == 2
    assert "'broken' is not a state to ask for; give one of failing, new, flaky, slow" in wrong.err
