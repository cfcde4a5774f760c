"""Backup: a copy of a SQLite database, made while the service writes to it."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url

from service.db.data_folder import require_access
from service.errors import BadConfig, Temporary


def back_up(database: Path, target: Path) -> int:
    """Copy a database to a file with mode 0600, check the copy, and return its size.

    The copy is the database at one moment; the size is in bytes. The target appears when the copy is complete, and an
    older one is replaced only then. Raises BadConfig where a file cannot be accessed or made, Temporary where the copy
    fails or is damaged.
    """
    require_access(database)
    try:
        made, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)  # 0600
        os.close(made)
    except OSError as error:
        raise BadConfig(f"{target.parent} takes no file: {error.strerror}; name another place") from error
    copy = Path(name)
    try:
        _copy(database, copy)
        copy.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise Temporary(f"{database} cannot be copied to {target}: {error}") from error
    finally:
        copy.unlink(missing_ok=True)
    return target.stat().st_size


def _copy(database: Path, copy: Path) -> None:
    """Copy the database in one step, and check the copy.

    In several steps, each write of the service would restart the copy.
    """
    address = f"{database.as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True)) as source, closing(sqlite3.connect(copy)) as made:
        source.backup(made)
        made.execute("PRAGMA journal_mode=DELETE")  # a single file: no -wal or -shm beside it
        found = [row[0] for row in made.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise Temporary(f"the copy of {database} is damaged, and so may be the database: {found[0]}")
    with copy.open("rb") as file:
        os.fsync(file.fileno())


def without_password(database_url: str) -> str:
    """Return the address without its password."""
    url = make_url(database_url)
    return URL.create(
        url.drivername, username=url.username, host=url.host, port=url.port, database=url.database, query=url.query
    ).render_as_string()
