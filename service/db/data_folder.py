"""The data folder of an embedded database: one process at a time holds it, and only its owner reads it."""

import fcntl
import json
import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from sqlalchemy import make_url

from service.errors import BadConfig, RoundsmanError, Temporary

LOCK_FILE = "roundsman.lock"
NAMED_BY = "ROUNDSMAN_DATABASE_URL"


def database_file(database_url: str) -> Path | None:
    """The SQLite file; None for a database that is a server of its own."""
    if not database_url.startswith("sqlite:"):
        return None
    return Path(make_url(database_url).database or "").absolute()


def file_exists(file: Path) -> bool:
    """Return whether a file is there, as far as this user may know; Path.exists() raises where it may not look."""
    try:
        return file.exists()
    except OSError:
        return False


@contextmanager
def lock_folder(folder: Path, *, command: str, since: datetime, named_by: str = NAMED_BY) -> Iterator[None]:
    """Hold the folder while the block runs; ``what`` tells others who they meet, ``named_by`` where it is named.

    The lock is the kernel's: it goes with the process, however that ends, and a file left behind means nothing.
    Raises Temporary when another process holds it or the disk is full, BadConfig when this user may not write there.
    """
    with _lock_file(folder, named_by) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Temporary(
                f"{folder} is in use by {_holder(file.name)}; stop that one, or use another folder"
            ) from error
        _sign(file, folder, {"pid": os.getpid(), "what": command, "since": since.isoformat(timespec="seconds")})
        yield


def _lock_file(folder: Path, named_by: str) -> IO[str]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_access(folder / LOCK_FILE)
        return open(folder / LOCK_FILE, "a+", opener=_private)
    except OSError as error:
        raise _no_room(folder, error, named_by) from error


def _sign(file: IO[str], folder: Path, holder: Mapping[str, object]) -> None:
    try:
        file.truncate(0)
        file.write(json.dumps(holder))
        file.flush()
    except OSError as error:
        raise _no_room(folder, error) from error


def _private(path: str, flags: int) -> int:
    """Open as asked; what is made is its owner's alone."""
    return os.open(path, flags, 0o600)


def _no_room(folder: Path, error: OSError, named_by: str = NAMED_BY) -> RoundsmanError:
    sentence = f"{folder} cannot hold our data: {error.strerror}"
    if isinstance(error, PermissionError | NotADirectoryError | FileExistsError):
        return BadConfig(f"{sentence}; let this user write there, or name another place in {named_by}")
    return Temporary(f"{sentence}; mend that, or name another place in {named_by}")


def require_access(file: Path) -> None:
    """Raise BadConfig if a file is there, or one of SQLite's beside it, that this user may not read and write.

    The files are not opened: closing one would take away the locks that SQLite has on it in this process.
    """
    for path in (file, *(file.with_name(f"{file.name}-{end}") for end in ("wal", "shm"))):
        if path.exists() and not os.access(path, os.R_OK | os.W_OK):
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
    """Make an empty database that only its owner can read, unless there is one; SQLite's other files will be like it.

    Raises BadConfig when it cannot be made, or is there and may not be used; Temporary when the disk is full.
    """
    require_access(file)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "a", opener=_private):
            pass
    except IsADirectoryError:
        pass  # whoever opens it as a database says so
    except OSError as error:
        raise _no_room(file.parent, error) from error


def require_writable(folder: Path) -> None:
    """Make a file in the folder, or in the one that it would be made in, and take it away again.

    Permissions alone do not tell: a file system may be read-only, or full. Raises BadConfig, or Temporary.
    """
    require_access(folder / LOCK_FILE)
    place = next(place for place in (folder, *folder.parents) if file_exists(place))
    try:
        with TemporaryFile(dir=place) if place == folder else TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        raise _no_room(folder, error) from error


def read_lock_holder(folder: Path) -> str | None:
    """Who holds the folder, in words; None when nobody does. Nothing is made or changed."""
    try:
        file = (folder / LOCK_FILE).open()
    except OSError:
        return None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(file.name)
    return None


def _holder(path: str) -> str:
    """Who wrote the lock file, as far as it can be read."""
    try:
        holder = json.loads(Path(path).read_text(encoding="utf-8"))
        return f"`{holder['what']}`, process {holder['pid']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
