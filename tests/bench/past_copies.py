"""A long past made of a short one: the database copies its rows, each time later and with ids of their own."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from sqlalchemy import Connection, Index, Uuid, select, text

from service.db.tables import events, metadata
from service.store.search.places import ID_BITS
from service.store.search.search_terms import spelled, terms_of

COPIED = ("deliveries", "events", "decisions", "details", "notifications", "attempts")
IDS = {"id", "event_id", "notification_id", "pipeline_id", "workflow_id", "source_event_id", "topic"}
TIMES = {
    *("happened_at", "received_at", "decided_at", "asked_at"),
    *("created_at", "next_attempt_at", "give_up_at", "sent_at", "started_at", "ended_at"),
}
AT_ONCE = 10_000
ID_BITS_OF_COPIED = 112
"""The bits of an identifier that its copies have too: with the others before them, those of one copy stand together."""
MAX_PASTS = 2**16
SLOTS = (29, 35, 41)  # of the index of terms


@dataclass(frozen=True, kw_only=True)
class Copy(ABC):
    """Copy the rows of a past once more.

    number       of the copy
    later_s      seconds by which it is later than the first past
    pipelines    in each past
    """

    number: int
    later_s: int
    pipelines: int

    def insert(self, connection: Connection) -> None:
        """Insert the rows of all tables."""
        for name in COPIED:
            self._insert(connection, name, [column.name for column in metadata.tables[name].c])

    def _insert(self, connection: Connection, name: str, columns: Sequence[str]) -> None:
        values = ", ".join(self._value(name, column) for column in columns)
        connection.execute(text(f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values} FROM base_{name}"))  # noqa: S608 - our names

    def _value(self, table: str, column: str) -> str:
        """Return the expression of a column's value."""
        if column == "pipeline_number":
            return f"pipeline_number + {self.number * self.pipelines}"
        if column in {"place", "rowid"}:
            return self.place
        if (table, column) == ("events", "terms"):
            return self._terms()
        if column in TIMES:
            return self._time(column)
        if column not in IDS:
            return column
        return self._id(column, is_uuid=isinstance(metadata.tables[table].c[column].type, Uuid))

    @property
    def place(self) -> str:
        """Return the expression of an event's place."""
        return f"place + {self.later_s * 1_000_000 << ID_BITS}"

    @abstractmethod
    def _terms(self) -> str: ...

    @abstractmethod
    def _time(self, column: str) -> str: ...

    @abstractmethod
    def _id(self, column: str, *, is_uuid: bool) -> str: ...


class SqliteCopy(Copy):
    """A copy in SQLite, whose index of terms is a table."""

    def insert(self, connection: Connection) -> None:
        super().insert(connection)
        self._insert(connection, "event_terms", ["rowid", "terms"])

    def _terms(self) -> str:
        return "terms"

    def _time(self, column: str) -> str:
        seconds = f"strftime('%Y-%m-%d %H:%M:%S', substr({column}, 1, 19), '{self.later_s} seconds')"
        return f"{seconds} || substr({column}, 20)"

    def _id(self, column: str, *, is_uuid: bool) -> str:
        return f"'{self.number:04x}' || substr({column}, 5)"


class PostgresCopy(Copy):
    """A copy in Postgres, whose index of terms has the time of each event too."""

    def _terms(self) -> str:
        return f"terms || {_slots(self.place)}"

    def _time(self, column: str) -> str:
        return f"{column} + interval '{self.later_s} seconds'"

    def _id(self, column: str, *, is_uuid: bool) -> str:
        return f"('{self.number:04x}' || substr({column}::text, 5)){'::uuid' if is_uuid else ''}"


def copy(connection: Connection, *, pasts: int, span: timedelta, pipelines: int) -> None:
    """Copy a past until there are so many, one after the other.

    span        of each: whole seconds
    pipelines   in each
    """
    if span % timedelta(seconds=1) or pasts > MAX_PASTS:
        raise ValueError(f"no {pasts} pasts of {span}: at most {MAX_PASTS}, of whole seconds")
    is_sqlite = connection.dialect.name == "sqlite"
    for name in COPIED:
        connection.execute(text(f"CREATE TEMPORARY TABLE base_{name} AS SELECT * FROM {name}"))  # noqa: S608 - our names
    if is_sqlite:
        _keep_terms(connection)
    else:
        _prepare_terms(connection)
    kind = SqliteCopy if is_sqlite else PostgresCopy
    for number in range(1, pasts):
        kind(number=number, later_s=number * (span // timedelta(seconds=1)), pipelines=pipelines).insert(connection)
    if not is_sqlite:
        _index_of_terms().create(connection)


def _keep_terms(connection: Connection) -> None:
    """Put the terms to copy in a table: SQLite's index does not give back what it was told."""
    connection.execute(text("CREATE TEMPORARY TABLE base_event_terms (place INTEGER, terms TEXT)"))
    rows = connection.execute(select(events)).mappings()
    lines = ({"place": row["place"], "terms": spelled(terms_of(dict(row)))} for row in rows)
    while some := list(islice(lines, AT_ONCE)):
        connection.execute(text("INSERT INTO base_event_terms VALUES (:place, :terms)"), some)


def _prepare_terms(connection: Connection) -> None:
    """Take the slots of time from the terms to copy; Postgres makes the index of all rows sooner at the end."""
    plain = f"ARRAY(SELECT unnest(terms) EXCEPT SELECT unnest({_slots('place')}))"
    connection.execute(text(f"UPDATE base_events SET terms = {plain}"))  # noqa: S608 - our names
    connection.execute(text("SET maintenance_work_mem = '1GB'"))
    _index_of_terms().drop(connection)


def _slots(place: str) -> str:
    """Return the expression of the slots that a place is in; the function crc32 is one of Postgres 18."""
    names = [f"convert_to('slot {bits} ' || (({place}) >> {bits + ID_BITS}), 'UTF8')" for bits in SLOTS]
    return f"ARRAY[{', '.join(f'crc32({name}) - 2147483648' for name in names)}]::integer[]"


def _index_of_terms() -> Index:
    return next(index for index in events.indexes if index.name == "ix_events_terms")
