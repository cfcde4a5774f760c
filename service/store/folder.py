"""The data folder of an embedded database belongs to one process at a time."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from sqlalchemy import make_url

from service.errors import BadConfig


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
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "roundsman.lock").open("a+")
    except OSError as error:
        raise BadConfig(
            f"{folder} cannot hold our data: {error.strerror}; let this user write there, "
            "or name another place in ROUNDSMAN_DATABASE_URL"
        ) from error


def _holder(path: str) -> str:
    """Who wrote the lock file, as far as it can be read."""
    try:
        holder = json.loads(Path(path).read_text(encoding="utf-8"))
        return f"`{holder['what']}`, process {holder['pid']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
