"""Errors of the databases: which are temporary, and the next step for each.

Only the states listed here count as a database that is away. All others may be caused by the values to be written:
retrying those for ever would not help, so they are raised unchanged, and are counted as failures.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, NotSupportedError, ProgrammingError

from service.errors import BadConfig, RoundsmanError, Temporary
from service.text import replace_control_chars

LOCKED = "others hold what is needed; if it stays so, end the program or the transaction that does"
FULL = "disk full; make room, or enlarge the disk"
READ_ONLY = "it is read-only"
STARTING = "it is stopping or starting; if it stays so, read the log of Postgres"
UNREACHABLE = (
    "it cannot be reached; see that it runs, and look at host, port, user and password of ROUNDSMAN_DATABASE_URL"
)

# By SQLSTATE. Source: PostgreSQL documentation, appendix A.
STATES = {
    **dict.fromkeys(("08000", "08001", "08003", "08004", "08006", "08007"), UNREACHABLE),
    "25006": f"{READ_ONLY}; connect to the primary, with target_session_attrs=read-write where several hosts are named",
    "25P03": "it ended a transaction that stood still; if that comes again, the machine is short of time",
    **dict.fromkeys(("40001", "40003", "40P01"), "others wrote the same at the same moment"),
    **dict.fromkeys(("53000", "53200"), "it is short of memory; give it more, or less to do"),
    "53100": FULL,
    "53300": "it has no connection to spare; raise its max_connections, or run fewer processes",
    "55P03": LOCKED,
    "57014": "it takes too long; see what else it is busy with",
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P05"), STARTING),
    "57P04": "the database was dropped; restore it from a backup",
    "58030": "its disk fails; read the log of Postgres",
}

REFUSED_CLASSES = frozenset({"08", "28", "3D"})  # SQLSTATE classes: connection, authorization, database name

# By the primary result code. Source: SQLite documentation, "Result and Error Codes".
CODES = {
    sqlite3.SQLITE_BUSY: "the database is locked by another program that writes; end that one if it stays so",
    sqlite3.SQLITE_LOCKED: "the database is locked by another program that writes; end that one if it stays so",
    sqlite3.SQLITE_PROTOCOL: "the database is locked by another program; end that one if it stays so",
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: "its disk fails, or is full; look at the disk of the data folder",
    sqlite3.SQLITE_READONLY: f"{READ_ONLY}; let this user write the data folder and every file in it",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened; see that this user may read and write it and its folder, and "
    "that not too many files are open (ulimit -n)",
}
MISSING = ("no such table: ", "no such column: ")
"""The beginnings of messages that SQLite gives no code of their own."""
MISSING_STATES = frozenset({"42703", "42P01"})
DAMAGED = frozenset({sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT})


def translate_error(doing: str, error: DBAPIError) -> RoundsmanError | None:
    """Return the Roundsman error for a database error.

    None for an error that the statement or its values may have caused.

    doing   the beginning of the sentence, such as "the database cannot be written now"
    """
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(doing, cause)
    return _of_postgres(doing, error)


@contextmanager
def named_missing_parts() -> Iterator[None]:
    """Raise BadConfig, for commands, where the database lacks a table or a column.

    A service raises such an error unchanged: it is counted, and a person sees the dead letter.
    """
    try:
        yield
    except DBAPIError as error:
        said = driver_message(error.orig).partition(" LINE 1:")[0]
        if not said.startswith(MISSING) and getattr(error.orig, "sqlstate", None) not in MISSING_STATES:
            raise
        raise BadConfig(
            f"the database is damaged ({said}): a part of its schema was removed; restore a backup"
        ) from error


def is_busy(error: sqlite3.Error) -> bool:
    """Return whether SQLite refused because another connection holds the file."""
    return _primary_code(error) == sqlite3.SQLITE_BUSY


def _primary_code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)) & 0xFF


def _of_sqlite(doing: str, cause: sqlite3.Error) -> RoundsmanError | None:
    code = _primary_code(cause)
    if code in DAMAGED:
        return BadConfig(f"{doing}: {cause}; name another file in ROUNDSMAN_DATABASE_URL, or restore a backup")
    return Temporary(f"{doing}: {CODES[code]}") if code in CODES else None


def _of_postgres(doing: str, error: DBAPIError) -> RoundsmanError | None:
    """Return the error for Postgres; its message is for the log alone.

    The server's messages contain names of hosts and users.
    """
    state, detail = getattr(error.orig, "sqlstate", None), driver_message(error.orig)
    if state in STATES:
        return Temporary(f"{doing}: {STATES[state]}", detail=detail)
    is_connecting = error.statement is None
    if is_connecting and state is None and isinstance(error, ProgrammingError | NotSupportedError):
        return BadConfig(f"ROUNDSMAN_DATABASE_URL is no address that Postgres' library takes: {detail}")
    if error.connection_invalidated or (is_connecting and (state or "08")[:2] in REFUSED_CLASSES):
        return Temporary(f"{doing}: {UNREACHABLE}", detail=detail)
    return None


def driver_message(error: object) -> str:
    """Return an error's own message on one line."""
    return replace_control_chars(" ".join(str(error).removeprefix("connection failed: ").split()))
