"""The admin token that `serve` creates if none is set: a file in the data folder.

Only its owner can read it.
"""

import errno
import os
import secrets
import stat
import tempfile
from pathlib import Path

from service.errors import BadConfig

FILE_NAME = "admin-token"
MIN_LENGTH = 16
MAX_BYTES = 4_096
OWNER_STEP = "run this as the user that `roundsman serve` runs as"
REMOVAL_STEP = "remove it, and the next start of `roundsman serve` makes a new one"


def token_file(folder: Path) -> Path:
    """Return the path of the token file in a data folder."""
    return folder / FILE_NAME


def ensure_token(folder: Path) -> str:
    """Return the token of a data folder; create it if there is none.

    The caller has locked the folder. Raises BadConfig for a file that is not to be trusted or cannot be written.
    """
    token = read_token(folder)
    if token is None:
        token = secrets.token_hex(32)
        _write(token_file(folder), token)
    return token


def read_token(folder: Path) -> str | None:
    """Return the token of a data folder, or None.

    Raises BadConfig for a file that is not to be trusted.
    """
    path = token_file(folder)
    try:
        # do not follow a symbolic link, and do not wait for a named pipe
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        is_link = error.errno == errno.ELOOP  # O_NOFOLLOW
        reason = f"it is a symbolic link; {REMOVAL_STEP}" if is_link else f"{error.strerror}; {OWNER_STEP}"
        raise BadConfig(f"the admin token in {path} cannot be read: {reason}") from error
    try:
        if problem := _distrust_reason(os.fstat(number), folder):
            raise BadConfig(f"the admin token in {path} is not used: {problem}")
        return _parse_token(os.read(number, MAX_BYTES + 1), path)
    finally:
        os.close(number)


def _distrust_reason(status: os.stat_result, folder: Path) -> str | None:
    """Return the reason to distrust a file; None if there is none."""
    if not stat.S_ISREG(status.st_mode):
        return f"it is no plain file; {REMOVAL_STEP}"
    # root reads the file of the user that owns the folder
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
    """Write the whole file to disk, or raise BadConfig and leave nothing."""
    draft = None
    try:
        number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{FILE_NAME}-")  # mode 0600, always a new file
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
