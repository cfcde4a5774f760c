"""Insert many rows of a table in one statement."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, text
from sqlalchemy.types import TypeEngine

from service.db.tables import Transaction
from service.text import clean

NAMED = ":([a-z_]+)"
MAYBE_UNSTORABLE = re.compile(r"\\u(?:0000|d[89a-f])")
"""NUL or a surrogate in JSON: that of a pair is half of a character, and does no harm."""

_Convert = Callable[[Any], Any]


class BulkInsert:
    """An INSERT of rows of one table.

    conflict     the ON CONFLICT clause, spelled alike on both databases
    parameters   the types of its parameters
    columns      those that are written; default: all
    unless       on Postgres, a condition on ``new`` for rows to leave out: a row in conflict is locked until the
                 transaction ends, also where the clause changes nothing

    Postgres gets the rows as one JSON value: a statement that grows with their number would be parsed anew each time,
    by driver and server. SQLite has no way to the server, and takes them one by one.
    """

    def __init__(
        self,
        table: Table,
        conflict: str = "",
        *,
        parameters: Mapping[str, TypeEngine[Any]] | None = None,
        columns: Sequence[str] = (),
        unless: str = "FALSE",
    ) -> None:
        self._columns = [table.c[name] for name in columns] if columns else list(table.c)
        self._names = [column.name for column in self._columns]
        names, values = ", ".join(self._names), ", ".join("?" for _ in self._names)
        self._types = {column.name: column.type for column in self._columns} | dict(parameters or {})
        self._given = re.findall(NAMED, conflict)
        self._converters: list[tuple[str, _Convert | None]] = []
        self._on_sqlite = f"INSERT INTO {table.name} ({names}) VALUES ({values}) {re.sub(NAMED, '?', conflict)}"  # noqa: S608 - names of our own tables
        given = [bindparam(name, type_=type_) for name, type_ in (parameters or {}).items()]
        self._on_postgres = text(
            f"INSERT INTO {table.name} ({names}) SELECT {names} "  # noqa: S608 - the same
            f"FROM json_populate_recordset(NULL::{table.name}, CAST(:rows AS json)) AS new "
            f"WHERE NOT {unless} {conflict}"
        ).bindparams(*given)

    def __call__(self, transaction: Transaction, rows: Sequence[Mapping[str, Any]], **given: Any) -> int:
        """Insert the rows, in their order; return how many the statement wrote.

        given   the parameters of the clause
        """
        if not rows:
            return 0
        if transaction.dialect.name == "sqlite":
            stored = self._stored_rows(transaction.dialect, rows, given)
            return transaction.exec_driver_sql(self._on_sqlite, stored).rowcount
        named = [{name: row[name] for name in self._names} for row in rows]
        return transaction.execute(self._on_postgres, {"rows": json_rows(named)} | given).rowcount

    def _stored_rows(
        self, dialect: Dialect, rows: Sequence[Mapping[str, Any]], given: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        """Return rows as SQLite stores them.

        To have SQLAlchemy do it row by row takes three times as long. How a column is converted is looked up once: that
        takes longer than to convert the values of a few rows.
        """
        if not self._converters:
            self._converters = [(name, _converter(dialect, self._types[name])) for name in (*self._names, *self._given)]
        stored = []
        for name, convert in self._converters:
            values = [given[name] if name in given else row[name] for row in rows]
            stored.append(values if convert is None else [convert(value) for value in values])
        return list(zip(*stored, strict=True))


def _converter(dialect: Dialect, type_: TypeEngine[Any]) -> _Convert | None:
    """Return the function that makes a value what SQLite stores; None: it is."""
    return type_.dialect_impl(dialect).bind_processor(dialect)


def replacing(table: Table, *keys: str, kept: Sequence[str] = ()) -> str:
    """Return the clause that overwrites the row with the same key.

    kept   columns that stay as they are
    """
    replaced = [name for name in table.c.keys() if name not in {*keys, *kept}]  # noqa: SIM118 - to iterate a table's columns gives columns, not names
    new = ", ".join(f"{name} = excluded.{name}" for name in replaced)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {new}"


def json_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as the JSON text that Postgres makes a set of records from.

    The check before the driver does not look into JSON: a text in need of it is cleaned here.
    """
    written = json.dumps(rows, default=_json_default)
    if not MAYBE_UNSTORABLE.search(written):
        return written
    cleaned = [{name: _cleaned(value) for name, value in row.items()} for row in rows]
    return json.dumps(cleaned, default=_json_default)


def _cleaned(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


def _json_default(value: object) -> str:
    """Return a value that JSON has no form for as Postgres reads it."""
    match value:
        case bytes():
            return f"\\x{value.hex()}"
        case datetime(tzinfo=None):
            raise ValueError(f"{value} has no time zone")
        case datetime():
            return value.isoformat()
        case _:
            return str(value)
