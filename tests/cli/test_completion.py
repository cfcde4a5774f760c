"""Completion in a shell: in a real bash, without loading commands for their names, and where it cannot be installed."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from service.cli._command_table import COMMANDS
from tests.support.long_cases import first_and_long
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, run, surroundings
from tests.support.terminal_screens import on_screen

DRIVER = """
import sys
from service.cli import main
sys.argv = ["roundsman"]
try:
    main()
finally:
    sys.stderr.write(" ".join({"apprise", "sqlalchemy", "uvicorn"} & set(sys.modules)))
"""


def complete(line: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Complete the last word of a line as bash does, in a process that says which large libraries it loaded."""
    count = len(line.split(" ")) - 1
    given = {"_ROUNDSMAN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(count), **environ}
    return subprocess.run(
        [sys.executable, "-c", DRIVER],
        env=surroundings(given),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


@pytest.mark.long
def test_names_of_commands_come_without_loading_a_command() -> None:
    said = complete("roundsman ")

    assert said.stdout.split() == list(COMMANDS)
    assert said.stderr == ""


@pytest.mark.long
@pytest.mark.parametrize("line", ["roundsman nosuch ", "roundsman nosuch --", "roundsman events nosuch "])
def test_a_wrong_word_is_completed_without_a_complaint(line: str) -> None:
    said = complete(line)

    assert (said.returncode, "Traceback" in said.stderr, "No such" in said.stderr) == (0, False, False)


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "values"),
    first_and_long(
        [
            ("roundsman notifications list --receiver w", ["web", "web-team"]),
            ("roundsman receivers test ", ["web", "web-team", "crew"]),
            ("roundsman events list --status f", ["failed"]),
            (
                "roundsman events list --event ",
                ["workflow-completed", "job-completed", "workflow-held", "settings-changed", "ping", "any"],
            ),
            ("roundsman events list --told ", ["none", "any"]),
            ("roundsman notifications list --state se", ["sending", "sent"]),
        ]
    ),
)
def test_values_are_completed(tmp_path: Path, line: str, values: list[str]) -> None:
    channels = "{channels: ['${UNSET}']}"
    names = "".join(f"  {name}: {channels}\n" for name in ("web", "web-team", "crew"))
    (tmp_path / "roundsman.yaml").write_text(f"receivers:\n{names}routes: []\n")

    said = complete(line, ROUNDSMAN_CONFIG=str(tmp_path / "roundsman.yaml"))

    assert said.stdout.split() == values


@pytest.mark.long
def test_receivers_of_a_file_that_is_wrong_are_completed_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "roundsman.yaml").write_text("receivers: [")

    said = complete("roundsman receivers test ", ROUNDSMAN_CONFIG=str(tmp_path / "roundsman.yaml"))

    assert (said.returncode, said.stdout.strip(), "Traceback" in said.stderr) == (0, "", False)


@pytest.mark.long
def test_an_interactive_bash_completes_at_a_tab(tmp_path: Path) -> None:
    startup = tmp_path / "bashrc"
    startup.write_text(f'PATH={ROUNDSMAN.parent}:$PATH\neval "$(_ROUNDSMAN_COMPLETE=source_bash roundsman)"\n')

    bash = ["bash", "--noprofile", "--rcfile", str(startup), "-i"]
    screen = on_screen(folder=tmp_path, command=bash, keys="roundsman vers\t--js\t\nexit\n")

    assert '"version": ' in screen.text


@pytest.mark.long
@pytest.mark.parametrize("shell", first_and_long(["bash", "zsh", "fish"]))
def test_the_script_of_a_shell_is_printed_by_either_order_of_words(tmp_path: Path, shell: str) -> None:
    scripts = [run(folder=tmp_path, _ROUNDSMAN_COMPLETE=value) for value in (f"source_{shell}", f"{shell}_source")]

    assert f"complete_{shell}" in scripts[0].stdout
    assert scripts[0].stdout == scripts[1].stdout
    assert [script.returncode for script in scripts] == [0, 0]


def no_folder(home: Path) -> None:
    home.write_text("")


def no_text(home: Path) -> None:
    home.mkdir()
    (home / ".bashrc").write_bytes(b"\xff\xfe")


def a_folder_in_the_way(home: Path) -> None:
    (home / ".bashrc").mkdir(parents=True)


@pytest.mark.long
@pytest.mark.parametrize("make", first_and_long([no_text, no_folder, a_folder_in_the_way]))
def test_a_home_where_it_cannot_be_installed_is_told_in_a_sentence(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    home = tmp_path / "home"
    make(home)

    said = subprocess.run(
        ["bash", "-c", f"{ROUNDSMAN} --install-completion; exit $?"],
        env=surroundings({"HOME": str(home)}),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )

    assert (said.returncode, "Traceback" in said.stderr) == (1, False)
    assert said.stderr.startswith("completion cannot be installed: ")
