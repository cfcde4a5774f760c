"""The backfill command at the pretend CircleCI: its bar on a terminal, its lines in a pipe, and how it goes on."""

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fcntl import ioctl
from pathlib import Path

import pytest

from service.db.migrate import migrate
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.support.app_fixture import TOKEN, environ
from tests.support.cli_runner import Terminal, served
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, run, surroundings

YAML = "receivers:\n  web:\n    channels: [json://web.example.com]\nroutes:\n  - receiver: web\n"
STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WORDS = ("backfill", "--project", "gh/acme/web", "--since", "20d")


@pytest.fixture
def pretend() -> FakeCircleCI:
    fake = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    green = sample_runs.web_main_fixed(datetime.now(UTC).date())
    for number in range(1, 13):
        pushed_at = datetime.now(UTC) - timedelta(days=number, hours=1)
        fake.run_finished(replace(green, number=1500 - number, pushed_at=pushed_at, waited_s=0))
    return fake


@pytest.fixture
def settings(folder: Path, pretend: FakeCircleCI) -> Iterator[dict[str, str]]:
    """The environment of an operator with an empty history, who may make many calls."""
    migrate(f"sqlite:///{folder / 'roundsman.db'}")
    with served(pretend) as address:
        yield environ(folder, YAML, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_RECONCILE_CALLS="600")


def on_terminal(folder: Path, settings: dict[str, str], *, stop_at: bytes | None = None) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns; its exit code, and all that it wrote there.

    stop_at   press Ctrl-C once it has written that
    """
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    given = {name: value for name, value in surroundings(settings).items() if name not in {"COLUMNS", "NO_COLOR"}}
    process = subprocess.Popen(
        [ROUNDSMAN, *WORDS],
        cwd=folder,
        env={**given, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    written = b""
    while select.select([ours], [], [], ENDS_WITHIN_S)[0]:
        try:
            written += os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if stop_at is not None and stop_at in written:
            process.send_signal(signal.SIGINT)
            stop_at = None
    os.close(ours)
    return process.wait(ENDS_WITHIN_S), written.decode()


@pytest.mark.long
def test_bar_fits_a_terminal_and_leaves_nothing_behind(folder: Path, settings: dict[str, str]) -> None:
    code, written = on_terminal(folder, settings)

    assert code == 0
    frames = re.split(r"\r\n|\r|\n", STYLES.sub("", written))
    assert max(map(len, frames)) <= 80
    assert any("asked" in frame and "%" in frame for frame in frames)
    left = " ".join(STYLES.sub("", written.rpartition("\x1b[2K")[2]).split())
    assert left.startswith("gh/acme/web, 20")
    assert "UTC: 12 pipelines asked for, 12 missed posts added the running service judges" in left


@pytest.mark.long
def test_ctrl_c_ends_it_with_a_sentence_and_the_same_command_goes_on(
    folder: Path, settings: dict[str, str], pretend: FakeCircleCI
) -> None:
    pretend.pipelines.pages_of = 4
    settings["ROUNDSMAN_CIRCLECI_API"] = "v2"
    few = {**settings, "ROUNDSMAN_RECONCILE_CALLS": "18"}  # twelve of them, then it waits for the next minute
    code, written = on_terminal(folder, few, stop_at=b"4 asked")

    assert code == 1
    assert "Traceback" not in written
    assert "stopped; what was found is kept, and the same command goes on from there" in " ".join(
        STYLES.sub("", written).split()
    )
    asked = len(pretend.calls)
    again = run(*WORDS, folder=folder, **settings)
    assert again.returncode == 0
    assert "UTC: 12 pipelines asked for" in again.stdout
    assert sum(call.path.endswith("/workflow") for call in pretend.calls[asked:]) == 8


@pytest.mark.long
def test_redirected_output_is_one_line_without_a_bar(folder: Path, settings: dict[str, str]) -> None:
    done = run(*WORDS, folder=folder, **settings)

    assert (done.returncode, done.stderr) == (0, "")
    first, second = done.stdout.splitlines()
    assert first.endswith("12 pipelines asked for, 12 missed posts added")
    assert second.startswith("the running service judges")
    assert "\x1b" not in done.stdout


@pytest.mark.long
def test_one_is_counted_as_one(folder: Path, settings: dict[str, str]) -> None:
    done = run("backfill", "--project", "gh/acme/web", "--since", "30h", folder=folder, **settings)

    assert done.stdout.splitlines()[0].endswith("UTC: 1 pipeline asked for, 1 missed post added")


def test_project_must_be_named(terminal: Terminal) -> None:
    assert "--project PROJECT" in (text := terminal.run("backfill", "--help").out)
    assert "[required]" in text
    said = terminal.run("backfill")
    assert said.code == 2
    assert "--project is missing" in said.err
