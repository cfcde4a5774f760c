"""The admin token that `serve` makes where the operator set none: a file in the data folder, its owner's alone."""

import os
import secrets
import stat
import tempfile
from pathlib import Path

from service.errors import BadConfig

FILE_NAME = "admin-token"
MIN_LENGTH = 16
MAX_BYTES = 4_096
REMOVAL_STEP = "remove it, and the next start of `roundsman serve` makes a new one"


def token_file(folder: Path) -> Path:
    """Return the path of the token in a data folder."""
    return folder / FILE_NAME


def ensure_token(folder: Path) -> str:
    """Return the token of a data folder, made if there is none; the caller holds the folder.

    Raises BadConfig for a file that cannot be trusted, or not be made.
    """
    token = read_token(folder)
    if token is None:
        token = secrets.token_hex(32)
        _write(token_file(folder), token)
    return token


def read_token(folder: Path) -> str | None:
    """Return the token of a data folder; None where there is none. Raises BadConfig for a file not to be trusted."""
    path = token_file(folder)
    try:
        # no link is followed, and a pipe in its place is not waited for
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = "it is a symbolic link" if path.is_symlink() else error.strerror
        raise BadConfig(f"the admin token in {path} cannot be read: {reason}; {_next_step(path)}") from error
    try:
        if problem := _distrust_reason(os.fstat(number), folder):
            raise BadConfig(f"the admin token in {path} is not used: {problem}")
        return _parse_token(os.read(number, MAX_BYTES + 1), path)
    finally:
        os.close(number)


def _next_step(path: Path) -> str:
    """Say what to do about a file that cannot be opened: root may look, another user may not."""
    return REMOVAL_STEP if path.is_symlink() else "run this as the user that `roundsman serve` runs as"


def _distrust_reason(status: os.stat_result, folder: Path) -> str | None:
    """Say why a file is not to be trusted; None when it is."""
    if not stat.S_ISREG(status.st_mode):
        return f"it is no plain file; {REMOVAL_STEP}"
    # root reads the file of the user whose folder it is
    owner = os.geteuid() or folder.stat().st_uid
    if status.st_uid != owner:
        return f"it belongs to user {status.st_uid}, not {owner}; {REMOVAL_STEP}"
    if status.st_mode & 0o077:
        mode = f"{stat.S_IMODE(status.st_mode):04o}"
        return f"others may read it (mode {mode}); {REMOVAL_STEP}, or say chmod 600 if none has"
    return None


def _parse_token(content: bytes, path: Path) -> str:
    try:
        token = content.decode("ascii").strip()
    except UnicodeDecodeError:
        token = ""
    if len(content) > MAX_BYTES or len(token) < MIN_LENGTH or not token.isprintable() or " " in token:
        problem = "is empty" if not content.strip() else f"is not one line of at least {MIN_LENGTH} characters"
        raise BadConfig(f"the admin token in {path} {problem}; {REMOVAL_STEP}")
    return token


def _write(path: Path, token: str) -> None:
    """Write the file whole, on disk, or not at all."""
    draft = None
    try:
        number, draft = tempfile.mkstemp(
            dir=path.parent, prefix=f".{FILE_NAME}-"
        )  # mode 0600, and never one that was there
        with os.fdopen(number, "w", encoding="ascii") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(number)
        Path(draft).rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        if draft is not None:
            Path(draft).unlink(missing_ok=True)
        raise BadConfig(
            f"the admin token cannot be kept in {path}: {error.strerror}; let this user write there, or set "
            "ROUNDSMAN_ADMIN_TOKEN"
        ) from error


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
