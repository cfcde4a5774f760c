"""Every command at 80 columns: its help, and its answer to wrong words, an empty history and a closed data folder."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_encodings import DRIVER
from tests.support.app_fixture import RED_TO_WEB, environ
from tests.support.cli_reference import every_command
from tests.support.cli_runner import Terminal
from tests.support.processes import ENDS_WITHIN_S, surroundings

COLUMNS = 80
ID = "99999999"
COMMANDS = [pytest.param(name, command, id=name) for name, command in every_command()]
GROUPS = sorted({name.partition(" ")[0] for name, _ in every_command() if " " in name})
LIBRARY = re.compile(r"<\w+(\[\w+\])?>|[{}]|\[\[|<=x<=|[a-z,]\.\.\.$|Error:", re.MULTILINE)
"""Phrases of the library: types of Python, doubled brackets, ranges in mathematics, sentences that are cut."""
SLOW = ("serve", "web", "worker", "demo", "inbox", "routes backtest", "mcp")
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def arguments_of(command: Any) -> list[str]:
    """Return a word for each argument that must be given."""
    return [ID for one in command.params if one.param_type_name == "argument" and one.required]


def assert_sentence(said: str) -> None:
    """What was wrong stands on the last line, in words of ours, with the next step."""
    *_, sentence = said.splitlines()
    assert not LIBRARY.search(said)
    assert re.search(r"; |\?$", sentence), sentence


@pytest.mark.parametrize("name", ["", *GROUPS, *(name for name, _ in every_command())])
def test_help_fits_and_is_whole(terminal: Terminal, name: str) -> None:
    said = terminal.run(*name.split(), "--help")

    assert (said.code, said.err) == (0, "")
    assert [line for line in said.lines if len(line) > COLUMNS or line != line.rstrip()] == []
    assert not LIBRARY.search(said.out), LIBRARY.search(said.out)


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_wrong_words_are_answered_with_the_usage_and_the_next_step(terminal: Terminal, name: str, command: Any) -> None:
    needed = arguments_of(command)
    takes_many = any(one.param_type_name == "argument" for one in command.params)
    wrong = [["--no-such-option"]]
    wrong += [[*needed, "one-more"]] if not takes_many else []
    wrong += [[]] if needed else []
    wrong += [[*needed, one.opts[0]] for one in command.params if one.opts[0].startswith("--") and not one.is_flag]

    for words in wrong:
        said = terminal.run(*name.split(), *words)

        assert (said.code, said.out) == (2, ""), words
        assert said.err.startswith(f"Usage: roundsman {name} [OPTIONS]"), words
        assert_sentence(said.err)


@pytest.mark.long
@pytest.mark.parametrize(("name", "command"), [one for one in COMMANDS if one.id not in SLOW])
def test_answer_without_a_history_is_a_sentence_or_json(
    terminal: Terminal, name: str, command: Any, migrated: Path
) -> None:
    terminal.configure(RED_TO_WEB)
    terminal.unset("ROUNDSMAN_CIRCLECI_TOKEN")
    (terminal.folder / "data").mkdir(exist_ok=True)
    shutil.copy(migrated, terminal.folder / "roundsman.db")

    for more in ([], ["--json"]):
        said = terminal.run(*name.split(), *arguments_of(command), *more)

        assert "Traceback" not in said.out + said.err
        assert said.code in (0, 1, 2)
        assert said.out or said.err
        if more and said.out:
            json.loads(said.out)
        assert not LIBRARY.search(said.err)


@pytest.mark.long
def test_closed_data_folder_is_named_with_its_owner(tmp_path: Path, is_long: bool) -> None:
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("root may enter every folder")
    folder = tmp_path / "data"
    folder.mkdir(mode=0o000)
    commands = [["events", "list"], ["login-link"], ["backup", "copy.db"], ["migrate"]]
    codes = [2, 2, 2, 2]
    if is_long:  # these import all libraries
        commands, codes = [*commands, ["check"], ["serve"]], [*codes, 1, 2]
    given = environ(tmp_path, RED_TO_WEB, ROUNDSMAN_DATABASE_URL=f"sqlite:///{folder}/roundsman.db")
    for name in ("ROUNDSMAN_ADMIN_TOKEN", "ROUNDSMAN_CIRCLECI_TOKEN"):
        given.pop(name, None)
    try:
        ended = subprocess.run(
            [*(WITHOUT_CAPABILITIES if os.geteuid() == 0 else ()), sys.executable, "-c", DRIVER, json.dumps(commands)],
            cwd=tmp_path,
            env=surroundings(given),
            capture_output=True,
            text=True,
            timeout=ENDS_WITHIN_S,
            check=False,
        )
    finally:
        folder.chmod(0o700)
    *_, ends = ended.stderr.splitlines()
    told = ended.stdout + ended.stderr

    assert json.loads(ends) == codes
    assert "Traceback" not in told
    assert told.count(f"{folder} may not be entered by ") >= len(commands) - 1
    assert told.count("run this as the user that `roundsman serve` runs as") >= len(commands)
