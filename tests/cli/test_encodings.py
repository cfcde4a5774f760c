"""Commands on terminals of any encoding, with arguments and settings of any bytes, and with streams that are closed."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from tests.support.app_fixture import RED, RED_TO_WEB, an_instance, environ
from tests.support.databases import database_of
from tests.support.long_cases import first_and_long
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, run, surroundings

ROCKET = "feature/\N{ROCKET}-\N{CJK UNIFIED IDEOGRAPH-706B}-\N{LATIN SMALL LETTER E WITH ACUTE}"
ROUTES = RED_TO_WEB.replace("name: red", f"name: red {ROCKET}")
ENCODINGS = ("ascii", "latin-1", "cp1252:strict", "utf-8:strict")

DRIVER = """
import json, sys
from service.cli import main
codes = []
for words in json.loads(sys.argv[1]):
    sys.argv = ["roundsman", *words]
    try:
        main()
    except SystemExit as ended:
        codes.append(ended.code)
sys.stderr.write(json.dumps(codes))
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A folder with an event whose branch is no ASCII, and the ids of the event and of its notification."""

    folder: Path
    event: str
    notification: str

    @property
    def commands(self) -> list[list[str]]:
        """Every command that ends by itself, but those that look at the network."""
        looking = [
            ["events", "list"],
            ["events", "list", "--branch", ROCKET],
            ["events", "show", self.event],
            ["explain", self.event],
            ["dead-letters"],
            ["routes", "check"],
            ["routes", "test", "--set", f"branch={ROCKET}", "--set", "status=failed"],
            ["version"],
            ["migrate"],
        ]
        acting = [["replay", self.event], ["resend", self.notification], ["dismiss", self.notification]]
        usage = [["events", "list", "--limit", ROCKET], [f"--{ROCKET}"], [ROCKET], ["events", "show", ROCKET]]
        return [*looking, *([*words, "--json"] for words in looking), *acting, *usage, ["--help"]]


@pytest.fixture(scope="module")
def told(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("told")
    shutil.copy(migrated, folder / "roundsman.db")
    return asyncio.run(_serve_until_stopped(folder))


async def _serve_until_stopped(folder: Path) -> Told:
    async with an_instance(folder, ROUTES) as instance:
        red = workflow_completed(RED)
        red["pipeline"]["vcs"]["branch"] = ROCKET
        event = await instance.post(red)
        await instance.drain()
        [notification] = (await instance.show(event))["notifications"]
        return Told(folder=folder, event=event, notification=notification["id"])


@pytest.mark.long
@pytest.mark.parametrize("encoding", first_and_long(ENCODINGS))
def test_every_command_says_all_in_any_encoding(told: Told, encoding: str) -> None:
    commands = told.commands
    database_of(told.folder).change("UPDATE deliveries SET state = 'settled'")  # of the replay before nothing came
    said = subprocess.run(
        [sys.executable, "-c", DRIVER, json.dumps(commands)],
        cwd=told.folder,
        env=surroundings({**environ(told.folder, ROUTES), "PYTHONIOENCODING": encoding}),
        capture_output=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )

    name = encoding.partition(":")[0]
    errors = said.stderr.decode(name, "replace")  # click tells of wrong usage in UTF-8 where the encoding is ASCII
    assert "Traceback" not in errors
    codes = json.loads(errors[errors.rindex("[") :])
    expected = {"resend": 0, "dismiss": 1, ROCKET: 2, f"--{ROCKET}": 2}
    for words, code in zip(commands, codes, strict=True):
        allowed = {expected[words[0]]} if words[0] in expected else {2} if ROCKET in words[-1:] else {0}
        assert code in (allowed | {0} if "--branch" in words else allowed), words
    text = said.stdout.decode(name)
    assert ROCKET.encode(name, "backslashreplace").decode(name) in text


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["ascii", "shift_jis", "utf-8"])
def test_json_is_json_in_any_encoding(told: Told, encoding: str) -> None:
    said = subprocess.run(
        [str(ROUNDSMAN), "events", "list", "--json"],
        cwd=told.folder,
        env=surroundings({**environ(told.folder, ROUTES), "PYTHONIOENCODING": encoding}),
        capture_output=True,
        timeout=ENDS_WITHIN_S,
        check=True,
    )

    assert ROCKET in json.dumps(json.loads(said.stdout.decode(encoding.partition(":")[0])), ensure_ascii=False)


@pytest.mark.long
@pytest.mark.parametrize(
    "locale",
    first_and_long(
        [
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"LC_ALL": "C"},
            {"LC_ALL": "nowhere.ISO-8859-1"},
        ]
    ),
)
def test_an_argument_is_utf8_in_any_locale(told: Told, locale: dict[str, str]) -> None:
    found = run(
        "events", "list", "--branch", ROCKET, "--json", folder=told.folder, **environ(told.folder, ROUTES), **locale
    )

    assert (found.returncode, found.stderr) == (0, "")
    assert [event["branch"] for event in json.loads(found.stdout)["items"]] == [ROCKET]


@pytest.mark.long
def test_an_argument_of_other_bytes_is_told_in_a_sentence(told: Told) -> None:
    said = run("events", "list", "--branch", os.fsdecode(b"\xff"), folder=told.folder, **environ(told.folder, ROUTES))

    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr == r"the argument '\udcff' is not UTF-8 text; write it in UTF-8" + "\n"


@pytest.mark.long
@pytest.mark.parametrize("name", first_and_long(["ROUNDSMAN_WEBHOOK_SECRETS", "PAGER"]))
def test_a_variable_of_other_bytes_is_told_in_a_sentence(tmp_path: Path, name: str) -> None:
    given = environ(tmp_path, RED_TO_WEB.replace("json://web.example.com", '"${PAGER}"'), PAGER="json://x")

    said = run("check", folder=tmp_path, **{**given, name: os.fsdecode(b"json://\xff")})

    assert said.returncode == 2
    assert f"{name}" in said.stderr
    assert "not UTF-8 text; write it in UTF-8" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.long
@pytest.mark.parametrize("closed", first_and_long(["<&- >&- 2>&-", ">&-"]))
def test_closed_streams_lead_nowhere(told: Told, closed: str) -> None:
    before = (told.folder / "roundsman.db").read_bytes()[:16]

    said = _in_shell(f'"$0" events list {closed}', told)

    assert (said.returncode, "Traceback" in said.stderr) == (0, False)
    assert (told.folder / "roundsman.db").read_bytes()[:16] == before


@pytest.mark.long
@pytest.mark.parametrize("words", first_and_long(["events list", "events list --json"]))
def test_an_output_that_is_full_is_told_in_a_sentence(told: Told, words: str) -> None:
    said = _in_shell(f'"$0" {words} > /dev/full', told)

    assert said.returncode == 1
    assert said.stderr == "standard output cannot be written: No space left on device\n"


def _in_shell(line: str, told: Told) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(
        ["/bin/sh", "-c", line, str(ROUNDSMAN)],
        cwd=told.folder,
        env=surroundings(environ(told.folder, ROUTES)),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
