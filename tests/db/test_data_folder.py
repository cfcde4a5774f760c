"""A data folder belongs to one process: a second one is told who has it, and a dead one has nothing."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.db.data_folder import database_file, lock_folder, read_lock_holder
from service.errors import RoundsmanError
from tests.support.app_fixture import NINE

HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from service.db.data_folder import lock_folder
with lock_folder(Path(sys.argv[1]), command="roundsman serve", since=datetime(2026, 3, 2, 9, 30, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_holder(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the folder until it is killed."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def refusal(folder: Path) -> str:
    with ExitStack() as stack:
        with pytest.raises(RoundsmanError) as caught:
            stack.enter_context(lock_folder(folder, command="roundsman migrate", since=NINE))
        return str(caught.value)


@pytest.mark.long
def test_second_process_is_refused_with_the_holders_name(tmp_path: Path) -> None:
    with another_holder(tmp_path) as other:
        said = refusal(tmp_path)

    assert said == (
        f"{tmp_path} is in use by `roundsman serve`, process {other.pid}, since 2026-03-02 09:30:00 UTC; "
        "stop that one, or use another folder"
    )


@pytest.mark.long
def test_reading_the_lock_holder_does_not_lock(tmp_path: Path) -> None:
    assert read_lock_holder(tmp_path / "nowhere") is None
    with another_holder(tmp_path) as other:
        assert read_lock_holder(tmp_path) == f"`roundsman serve`, process {other.pid}, since 2026-03-02 09:30:00 UTC"

    assert read_lock_holder(tmp_path) is None


@pytest.mark.long
def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    with another_holder(tmp_path) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

        with lock_folder(tmp_path, command="roundsman serve", since=NINE):
            written = json.loads((tmp_path / "roundsman.lock").read_text())

    assert written["pid"] == os.getpid()


def test_the_folder_is_free_again_after_the_block(tmp_path: Path) -> None:
    with lock_folder(tmp_path / "data", command="roundsman migrate", since=NINE):
        assert "roundsman migrate" in refusal(tmp_path / "data")

    with lock_folder(tmp_path / "data", command="roundsman serve", since=NINE):
        assert "roundsman serve" in refusal(tmp_path / "data")


@pytest.mark.parametrize("written", ["", "not json", "[]", "{}"])
def test_a_holder_that_cannot_be_read_is_another_process(tmp_path: Path, written: str) -> None:
    with lock_folder(tmp_path, command="roundsman serve", since=NINE):
        (tmp_path / "roundsman.lock").write_text(written)

        assert "is in use by another process; " in refusal(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_with_the_next_step(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    assert refusal(tmp_path / "data").startswith(f"{tmp_path / 'data'} cannot hold our data: ")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """A folder with a lock file on a disk that is mounted read-only; skips the test where none can be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "roundsman", disk], check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    try:
        (disk / "roundsman.lock").touch()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


@pytest.mark.long
def test_a_disk_that_is_mounted_read_only_is_said_to_be(read_only: Path) -> None:
    assert refusal(read_only) == (
        f"{read_only} cannot hold our data: Read-only file system; mend that, or name another place in "
        "ROUNDSMAN_DATABASE_URL"
    )


def test_a_database_that_is_a_server_has_no_file(tmp_path: Path) -> None:
    assert database_file("postgresql://db.example.com/roundsman") is None
    assert database_file(f"sqlite:///{tmp_path}/roundsman.db") == tmp_path / "roundsman.db"
