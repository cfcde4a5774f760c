"""Every command on a real terminal, with the longest and most hostile words: all fits on it, and none acts on it."""

import asyncio
import json
import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len

from service.testing import sample_runs
from service.testing.fake_circleci.payloads import workflow_completed
from service.text import JOINERS
from tests.cli.test_encodings import DRIVER
from tests.support.app_fixture import NINE, RED_TO_WEB, Clock, an_instance, environ
from tests.support.long_cases import first_and_long
from tests.support.longest_history import fill
from tests.support.pages_fixture import Instance
from tests.support.processes import ENDS_WITHIN_S, run
from tests.support.terminal_screens import Screen, on_screen

STYLES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")
LINKS = re.compile(r"\x1b\]8;[^;]*;(https?://[^\x1b]+)\x1b\\")
WIDTHS = (80, 120)
UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
MARKED = DRIVER.replace("    try:\n", "    print('==', *words, flush=True)\n    try:\n").rpartition("sys.stderr")[0]
ROUTES = RED_TO_WEB.replace("name: red", f"name: {'a-long-name-' * 12}")


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A folder with the longest history, and ids of its events."""

    folder: Path
    events: Sequence[str]
    is_long: bool

    @property
    def commands(self) -> list[list[str]]:
        """Every command that ends by itself, but those that look at the network."""
        lists = [
            *(["events", "list"], ["events", "list", "--event", "any"], ["events", "list", "--actor", "ada"]),
            *(["events", "list", "--limit", "1"], ["notifications", "list"], ["dead-letters"], ["sessions", "list"]),
            *(["dead-letters", "--limit", "1"], ["dead-letters", "--dismissed"], ["routes", "check"], ["version"]),
            ["routes", "test", "--set", f"branch={'feature/' * 30}", "--set", "status=failed"],
            ["refusals"],
        ]
        shown = [
            [*words, one]
            for one in (self.events if self.is_long else self.events[1:6:4])
            for words in (["events", "show"], ["explain"])
        ]
        as_json = [[*words, "--json"] for words in ([*lists, *shown] if self.is_long else [lists[1], *shown])]
        wrong = [["events", "list", "--event", "x" * 200], ["explain", "x" * 200], ["replay", "x" * 200]]
        helps = [
            [*words, "--help"] for words in ([], ["events", "list"], ["dead-letters"], ["hooks", "plan"], ["replay"])
        ]
        return [*lists, *shown, *as_json, *wrong, *helps, ["check"], ["login-link"], ["migrate"]]


@pytest.fixture(scope="module")
def lived(migrated: Path, tmp_path_factory: pytest.TempPathFactory, is_long: bool) -> Lived:
    folder = tmp_path_factory.mktemp("lived")
    shutil.copy(migrated, folder / "roundsman.db")

    async def live() -> Sequence[str]:
        async with an_instance(folder, ROUTES) as instance:
            context = instance.service.context
            history = await fill(Instance(store=context.store, jobs=context.jobs, now=NINE))
            return history.events

    return Lived(folder=folder, events=[str(one) for one in asyncio.run(live())], is_long=is_long)


def screen(lived: Lived, commands: list[list[str]], *, columns: int) -> Screen:
    given = environ(lived.folder, ROUTES, ROUNDSMAN_CIRCLECI_URL="http://127.0.0.1:9")
    driver = [sys.executable, "-c", MARKED, json.dumps(commands)]
    return on_screen(
        folder=lived.folder, columns=columns, command=driver, within_s=ENDS_WITHIN_S * len(commands), **given
    )


def by_command(screen: Screen) -> dict[str, list[str]]:
    """Return the lines that each command printed."""
    printed = screen.text.removeprefix("== ").split("\n== ")
    return {lines[0]: lines[1:] for lines in (part.split("\n") for part in printed)}


@pytest.mark.long
@pytest.mark.parametrize("columns", first_and_long(WIDTHS))
def test_all_fits_on_a_terminal_and_nothing_acts_on_it(lived: Lived, columns: int) -> None:
    shown = screen(lived, lived.commands, columns=columns)
    printed = by_command(shown)

    assert "Traceback" not in shown.text
    assert set(printed) >= {" ".join(words) for words in lived.commands}
    assert {
        name: line
        for name, lines in printed.items()
        for line in lines
        if cell_len(STYLES.sub("", line)) > columns and "--json" not in name and name != "login-link"
    } == {}
    assert len(printed["login-link"]) == 1  # whole, to be copied
    assert {letter for letter in STYLES.sub("", shown.text) if unicodedata.category(letter) in UNSEEN} <= {
        "\n",
        *JOINERS,
    }
    assert r"\u202e" in shown.text


@pytest.mark.long
def test_statuses_have_colors_ids_are_short_and_addresses_are_links(lived: Lived) -> None:
    [listed] = [screen(lived, [["events", "list", "--event", "any"]], columns=120).text]
    shown = screen(lived, [["events", "show", one] for one in lived.events[3:5]], columns=80).text

    assert "\x1b[31mfailed" in listed
    assert any(f" {one[:8]} " in STYLES.sub("", listed) for one in lived.events)
    assert not any(one in listed for one in lived.events)
    assert LINKS.search(shown)


@pytest.mark.long
def test_findings_are_wrapped_under_their_begin(lived: Lived) -> None:
    environment = environ(lived.folder, ROUTES)
    found = on_screen("check", folder=lived.folder, columns=80, within_s=ENDS_WITHIN_S, **environment).text
    lines = STYLES.sub("", found).splitlines()

    assert {line[:9].strip() for line in lines[1:-1]} >= {"", "ok", "note"}
    assert max(map(cell_len, lines[1:-1])) <= 80


@pytest.fixture(scope="module")
def red(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with red workflows whose names have each length, so that a line breaks at each of its blanks."""
    folder = tmp_path_factory.mktemp("red")
    shutil.copy(migrated, folder / "roundsman.db")
    now = datetime.now(UTC)  # commands have the clock of the machine
    first = sample_runs.web_main_red(now.date() - timedelta(days=1))

    async def live() -> None:
        async with an_instance(folder, RED_TO_WEB, clock=Clock(now=now)) as instance:
            for length in range(1, 81, 4):
                await instance.post(
                    workflow_completed(replace(first, number=first.number + length, workflow="w" * length))
                )
            await instance.drain()

    asyncio.run(live())
    return folder


@pytest.mark.long
def test_ids_and_times_of_red_workflows_stand_on_one_line(red: Path) -> None:
    environment = environ(red, RED_TO_WEB)
    known = json.loads(run("status", "--json", folder=red, **environment).stdout)

    shown = STYLES.sub("", on_screen("status", folder=red, columns=80, within_s=ENDS_WITHIN_S, **environment).text)

    ids = [one["incident"][:8] for one in known["workflows"]]
    assert len({*ids}) == 20
    assert [one for one in ids if f"incident {one}" not in shown] == []
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", shown)) == len(ids) + 1
