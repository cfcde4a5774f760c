"""The admin token that is made where the operator set none: whole or not at all, and never one that others know."""

import os
import stat
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from service.errors import BadConfig
from service.web.auth.token_file import ensure_token, read_token, token_file

REMOVE_IT = "remove it, and the next start of `roundsman serve` makes a new one"
A_TOKEN = "0123456789abcdef" * 2


def complaint(folder: Path) -> str:
    with pytest.raises(BadConfig) as caught:
        ensure_token(folder)
    return str(caught.value)


def written(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    file = token_file(folder)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_a_token_is_made_once_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        token = ensure_token(tmp_path)
    finally:
        os.umask(before)

    assert (ensure_token(tmp_path), read_token(tmp_path)) == (token, token)
    assert len(token) == 64
    assert stat.S_IMODE(token_file(tmp_path).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["admin-token"]


def test_every_folder_has_a_token_of_its_own(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()

    assert len({ensure_token(folder) for folder in folders}) == 2


def test_a_folder_without_a_token_is_not_given_one_by_reading(tmp_path: Path) -> None:
    assert read_token(tmp_path) is None
    assert read_token(tmp_path / "nowhere") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "  \n"])
def test_a_token_may_be_written_by_hand(tmp_path: Path, end: str) -> None:
    written(tmp_path, A_TOKEN + end)

    assert ensure_token(tmp_path) == A_TOKEN


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("short\n", "is not one line of at least 16 characters"),
        (f"{A_TOKEN}\n{A_TOKEN}\n", "is not one line of at least 16 characters"),
        (f"{A_TOKEN} {A_TOKEN}\n", "is not one line of at least 16 characters"),
        (b"\x00" * 64, "is not one line of at least 16 characters"),
        (b"\xff\xfe" * 32, "is not one line of at least 16 characters"),
        ("x" * 4_097, "is not one line of at least 16 characters"),
    ],
)
def test_a_broken_file_is_refused_and_stays(tmp_path: Path, content: str | bytes, problem: str) -> None:
    file = written(tmp_path, content)
    before = file.read_bytes()

    assert complaint(tmp_path) == f"the admin token in {file} {problem}; {REMOVE_IT}"
    assert file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o777])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path, A_TOKEN, mode)

    assert complaint(tmp_path) == (
        f"the admin token in {file} is not used: others may read it (mode {mode:04o}); {REMOVE_IT}, "
        "or say chmod 600 if none has"
    )


def linked(file: Path) -> None:
    elsewhere = file.parent / "elsewhere"
    elsewhere.write_text(A_TOKEN)
    elsewhere.chmod(0o600)
    file.symlink_to(elsewhere)


def dangling(file: Path) -> None:
    file.symlink_to(file.parent / "nowhere")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (linked, "it is a symbolic link"),
        (dangling, "it is a symbolic link"),
        (Path.mkdir, "it is no plain file"),
        (os.mkfifo, "it is no plain file"),
    ],
)
def test_what_is_no_plain_file_is_not_followed_waited_for_or_replaced(
    tmp_path: Path, make: Callable[[Path], None], reason: str
) -> None:
    file = token_file(tmp_path)
    make(file)

    said = complaint(tmp_path)

    assert said.startswith(f"the admin token in {file} ")
    assert f"{reason}; {REMOVE_IT}" in said
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, A_TOKEN)
    os.chown(file, 65_534, -1)

    assert complaint(tmp_path) == f"the admin token in {file} is not used: it belongs to user 65534, not 0; {REMOVE_IT}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_reads_the_token_of_the_user_whose_folder_it_is(tmp_path: Path) -> None:
    file = written(tmp_path, A_TOKEN)
    for path in (file, tmp_path):
        os.chown(path, 65_534, -1)

    assert read_token(tmp_path) == A_TOKEN


def test_a_token_that_cannot_be_kept_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        said = complaint(tmp_path)

    assert said == (
        f"the admin token cannot be kept in {token_file(tmp_path)}: No space left on device; "
        "let this user write there, or set ROUNDSMAN_ADMIN_TOKEN"
    )
    assert not list(tmp_path.iterdir())
