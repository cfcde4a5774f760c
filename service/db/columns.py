"""Types and checks of columns that are alike on SQLite and Postgres."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC.

    SQLite stores no zone, so it is removed from values that are written and added to values that are read.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the time to store; raise ValueError for one without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware time in UTC, on every database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


IntegerArray = JSON(none_as_null=True).with_variant(ARRAY(Integer), "postgresql")

BytewiseText = Text().with_variant(Text(collation="C"), "postgresql")


def enum_check(column: str, words: type[StrEnum]) -> CheckConstraint:
    """Return a CHECK that a column holds one of the values of an enum."""
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class SecondsBetween(FunctionElement[int]):
    """The whole seconds from one time to another."""

    type = Integer()
    inherit_cache = True
    name = "seconds_between"


@compiles(SecondsBetween, "sqlite")
def _in_sqlite(element: SecondsBetween, compiler: SQLCompiler, **given: Any) -> str:
    first, last = (compiler.process(one, **given) for one in element.clauses)
    return f"CAST(round((julianday({last}) - julianday({first})) * 86400) AS INTEGER)"


@compiles(SecondsBetween, "postgresql")
def _in_postgres(element: SecondsBetween, compiler: SQLCompiler, **given: Any) -> str:
    first, last = (compiler.process(one, **given) for one in element.clauses)
    return f"CAST(round(extract(epoch FROM {last} - {first})) AS INTEGER)"
