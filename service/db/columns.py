"""Types and checks of columns that are alike on SQLite and Postgres."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Integer,
    Text,
    TypeDecorator,
    bindparam,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


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


class ValuesOf(TypeDecorator[Collection[Any]]):
    """Values of a type in one parameter: an array on Postgres, JSON on SQLite."""

    impl = Text
    cache_ok = True

    def __init__(self, item_type: TypeEngine[Any]) -> None:
        super().__init__()
        self.item_type = item_type

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the parameter."""
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.item_type))

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> Any:
        """Return the values as the parameter holds them; on SQLite each as it is stored."""
        values = list(value or ())
        if dialect.name != "sqlite":
            return values
        convert = self.item_type.dialect_impl(dialect).bind_processor(dialect)
        return json.dumps(values if convert is None else [convert(one) for one in values])


class IsAny(FunctionElement[bool]):
    """The condition that a column has one of the values of one parameter.

    An ``IN`` with a parameter for each value is another statement for each number of values, which SQLAlchemy and the
    drivers spell anew, and which no server prepares.
    """

    type = Boolean()
    inherit_cache = True
    name = "is_any"

    def self_group(self, against: object = None) -> "IsAny":
        """Return the condition as it is.

        Compared with true, as SQLAlchemy writes other such functions, SQLite would not use an index for it.
        """
        return self


def is_any(column: Column[Any], parameter: str) -> ColumnElement[bool]:
    """Return the condition that a column has one of the values of a named parameter."""
    return IsAny(column, bindparam(parameter, type_=ValuesOf(column.type)))


@compiles(IsAny, "sqlite")
def _is_any_in_sqlite(element: IsAny, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(one, **given) for one in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - a parameter


@compiles(IsAny, "postgresql")
def _is_any_in_postgres(element: IsAny, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(one, **given) for one in element.clauses)
    return f"{column} = ANY ({values})"


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
