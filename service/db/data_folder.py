"""The data folder of a SQLite database: locked by one process, read by its owner."""

import errno
import fcntl
import json
import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from sqlalchemy import make_url

from service.errors import BadConfig, RoundsmanError, Temporary

LOCK_FILE = "roundsman.lock"
NAMED_BY = "ROUNDSMAN_DATABASE_URL"


def database_file(database_url: str) -> Path | None:
    """Return the path of the SQLite file; None for Postgres."""
    if not database_url.startswith("sqlite:"):
        return None
    return Path(make_url(database_url).database or "").absolute()


def file_exists(file: Path) -> bool:
    """Return whether a file exists. Raises BadConfig where this user may not look."""
    try:
        return file.exists()
    except PermissionError as error:
        closed = next((folder for folder in reversed(file.parents) if not os.access(folder, os.X_OK)), file.parent)
        whose = f"it belongs to {_user(closed.stat().st_uid)}, mode {closed.stat().st_mode & 0o777:04o}"
        raise BadConfig(
            f"{closed} may not be entered by {_user(os.geteuid())}: {whose}; "
            f"run this as the user that `roundsman serve` runs as, or name another place in {NAMED_BY}"
        ) from error


def require_database(file: Path) -> None:
    """Raise BadConfig unless there is a database that this user may read and write."""
    if not file_exists(file):
        raise BadConfig(
            f"there is no database at {file} yet; start `roundsman serve`, or, where it runs in another folder, "
            f"go there or set {NAMED_BY}"
        )
    require_access(file)


@contextmanager
def lock_folder(folder: Path, *, command: str, since: datetime, named_by: str = NAMED_BY) -> Iterator[None]:
    """Lock the folder while the block runs.

    command    the command that holds the lock, for the error of another process that wants it
    named_by   the setting or option that names the folder, for errors

    The lock is the kernel's: it ends with the process in every case, and a lock file left behind does not lock.
    Raises Temporary when another process holds it or the disk is full, BadConfig when this user may not write there.
    """
    with _lock_file(folder, named_by) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Temporary(
                f"{folder} is in use by {_describe_holder(file.name)}; stop that one, or use another folder"
            ) from error
        _write_holder(file, folder, {"pid": os.getpid(), "what": command, "since": since.isoformat(timespec="seconds")})
        yield


def _lock_file(folder: Path, named_by: str) -> IO[str]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_access(folder / LOCK_FILE)
        return open(folder / LOCK_FILE, "a+", opener=_open_private)
    except OSError as error:
        raise _folder_error(folder, error, named_by) from error


def _write_holder(file: IO[str], folder: Path, holder: Mapping[str, object]) -> None:
    try:
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
    except OSError as error:
        raise _folder_error(folder, error) from error


def _open_private(path: str, flags: int) -> int:
    """Open a path; a new file has mode 0600."""
    return os.open(path, flags, 0o600)


def _folder_error(folder: Path, error: OSError, named_by: str = NAMED_BY) -> RoundsmanError:
    sentence = f"{folder} cannot hold our data: {error.strerror}"
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
        return BadConfig(f"{sentence}; let this user write there, or name another place in {named_by}")
    return Temporary(f"{sentence}; mend that, or name another place in {named_by}")


def require_access(file: Path) -> None:
    """Raise BadConfig unless this user may read and write a file.

    Includes SQLite's -wal and -shm beside it; a file that does not exist is no error. The files are not opened: closing
    one would release the locks that SQLite has on it in this process.
    """
    for path in (file, *(file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))):
        if file_exists(path) and not os.access(path, os.R_OK | os.W_OK):
            if os.statvfs(path).f_flag & os.ST_RDONLY:  # no owner and no mode would help
                raise _folder_error(path.parent, OSError(errno.EROFS, os.strerror(errno.EROFS)))
            raise BadConfig(
                f"{path} cannot be read and written by {_user(os.geteuid())}: it belongs to "
                f"{_user(path.stat().st_uid)}, mode {path.stat().st_mode & 0o777:04o}; "
                f"give it to the service's user: chown --reference={path.parent} {path} && chmod 0600 {path}"
            )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def create_private_file(file: Path) -> None:
    """Create an empty database file with mode 0600, unless it exists.

    SQLite gives its other files the same mode. Raises BadConfig when the file cannot be created, or exists and may not
    be used; Temporary when the disk is full.
    """
    require_access(file)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "a", opener=_open_private):
            pass
    except IsADirectoryError:
        pass  # opening it as a database raises the error
    except OSError as error:
        raise _folder_error(file.parent, error) from error


def require_writable(folder: Path) -> None:
    """Raise BadConfig or Temporary unless a file can be created in the folder.

    Creates a temporary file in the folder, or a temporary folder in its nearest parent that exists, and removes it.
    Permissions alone do not suffice: a file system may be read-only, or full.
    """
    require_access(folder / LOCK_FILE)
    place = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    try:
        with TemporaryFile(dir=place) if place == folder else TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        raise _folder_error(folder, error) from error


def read_lock_holder(folder: Path) -> str | None:
    """Return a description of the process that holds the lock; None without one.

    Nothing is created or changed.
    """
    try:
        file = (folder / LOCK_FILE).open()
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _describe_holder(file.name)
    return None


def _describe_holder(path: str) -> str:
    """Return the description in the lock file; "another process" if it is unreadable."""
    try:
        holder = json.loads(Path(path).read_text(encoding="utf-8"))
        since = datetime.fromisoformat(holder["since"]).astimezone(UTC)
        return f"`{holder['what']}`, process {holder['pid']}, since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
