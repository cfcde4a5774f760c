"""Rows as the driver gives them, each of which is converted once."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Dialect, Select, type_coerce
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.types import NullType

from service.db.tables import Transaction

Built = TypeVar("Built")
_Convert = Callable[[Any], Any]


class RawRows(Generic[Built]):
    """Objects that are built of rows, kept by the rows that they were built of.

    Of a list that many people read, few rows change from one reading to the next, and to convert identifiers and times
    takes longer than to find the rows. A changed row is another row: what was kept of it is never returned.

    kept   the number of rows whose objects are kept; they must not be changed
    """

    def __init__(
        self, columns: Sequence[KeyedColumnElement[Any]], build: Callable[[Mapping[str, Any]], Built], *, kept: int
    ) -> None:
        self._columns = columns
        self._build = build
        self._kept = kept
        self._by_dialect: dict[str, Callable[[tuple[Any, ...]], Built]] = {}
        self.columns: list[ColumnElement[Any]] = [
            type_coerce(column, NullType()).label(column.key) for column in columns
        ]

    def read(
        self, transaction: Transaction, wanted: Select[Any], given: Mapping[str, Any] | None = None
    ) -> list[Built]:
        """Return an object for each row of a statement that selects ``columns``."""
        dialect = transaction.dialect
        build = self._by_dialect.get(dialect.name)
        if build is None:
            build = self._by_dialect[dialect.name] = self.builder(dialect)
        return [build(tuple(row)) for row in transaction.execute(wanted, given).all()]

    def builder(self, dialect: Dialect) -> Callable[[tuple[Any, ...]], Built]:
        """Return a function that builds objects of rows, with a cache of its own."""
        converted = [
            (column.key, column.type.dialect_impl(dialect).result_processor(dialect, None)) for column in self._columns
        ]

        @lru_cache(maxsize=self._kept)
        def build(row: tuple[Any, ...]) -> Built:
            pairs = zip(converted, row, strict=True)
            return self._build({name: convert(value) if convert else value for (name, convert), value in pairs})

        return build
