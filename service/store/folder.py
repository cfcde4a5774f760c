"""The data folder of an embedded database: one process at a time holds it, and only its owner reads it."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO

from sqlalchemy import make_url

from service.errors import BadConfig

LOCK_FILE = "roundsman.lock"


def database_file(database_url: str) -> Path | None:
    """The SQLite file; None for a database that is a server of its own."""
    url = make_url(database_url)
    return Path(url.database or "").absolute() if url.get_backend_name() == "sqlite" else None


@contextmanager
def held(folder: Path, *, what: str, since: datetime) -> Iterator[None]:
    """Hold the folder while the block runs; ``what`` tells others who they meet.

    The lock is the kernel's: it goes with the process, however that ends, and a file left behind means nothing.
    Raises BadConfig when somebody else holds it, or when nothing can be written there.
    """
    with _lock_file(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadConfig(
                f"{folder} is in use by {_holder(file.name)}; stop that one, or use another folder"
            ) from error
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "what": what, "since": since.isoformat(timespec="seconds")}))
        file.flush()
        yield


def _lock_file(folder: Path) -> IO[str]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return open(folder / LOCK_FILE, "a+", opener=_private)
    except OSError as error:
        raise _no_room(folder, error) from error


def _private(path: str, flags: int) -> int:
    """Open as asked; what is made is its owner's alone."""
    return os.open(path, flags, 0o600)


def _no_room(folder: Path, error: OSError) -> BadConfig:
    return BadConfig(
        f"{folder} cannot hold our data: {error.strerror}; let this user write there, "
        "or name another place in ROUNDSMAN_DATABASE_URL"
    )


def make_private(file: Path) -> None:
    """Make an empty database that only its owner can read, unless there is one; SQLite's other files will be like it.

    Raises BadConfig when it cannot be made.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(file, "a", opener=_private):
            pass
    except IsADirectoryError:
        pass  # whoever opens it as a database says so
    except OSError as error:
        raise _no_room(file.parent, error) from error


def try_out(folder: Path) -> None:
    """Make a file in the folder, or in the one that it would be made in, and take it away again.

    Permissions alone do not tell: a file system may be read-only, or full. Raises BadConfig.
    """
    place = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with TemporaryFile(dir=place) if place == folder else TemporaryDirectory(dir=place):
            pass
    except OSError as error:
        raise _no_room(folder, error) from error


def holder(folder: Path) -> str | None:
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
