"""Rows with few values in any combination, so that each condition of a statement decides about some of them."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, Table, Uuid

from service.db.columns import UtcDateTime
from tests.support.app_fixture import NINE

Row = dict[str, Any]
Values = Mapping[str, Sequence[object]]
"""The values of columns; others have some of their type."""

IDS = tuple(UUID(int=number) for number in range(1, 5))
TIMES = tuple(NINE + timedelta(minutes=minutes) for minutes in range(5))
NOW = TIMES[2]
BY_TYPE: Mapping[type, Sequence[object]] = {
    Uuid: IDS,
    UtcDateTime: TIMES,
    Boolean: (False, True),
    Integer: range(3),
    SmallInteger: range(3),
    BigInteger: range(3),
    LargeBinary: (b"a", b"b"),
}
WORDS = ("a", "b", "c")


class RandomRows:
    """A source of rows, alike for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._dice = random.Random(seed)
        self._numbers: Counter[str] = Counter()

    def rows(self, table: Table, count: int, **values: Sequence[object]) -> list[Row]:
        """Return rows of a table, whose keys differ."""
        return [{column.name: self._value(column, values) for column in table.c} for _ in range(count)]

    def id(self) -> UUID:
        """Return an id that no other row has."""
        return UUID(int=self._dice.getrandbits(128))

    def _value(self, column: Column[Any], values: Values) -> object:
        if column.name in values:
            return self._dice.choice(values[column.name])
        if column.primary_key:
            return self._key(column)
        if column.nullable and self._dice.random() < 1 / 4:
            return None
        return self._dice.choice(BY_TYPE.get(type(column.type), WORDS))

    def _key(self, column: Column[Any]) -> object:
        self._numbers[column.table.name] += 1
        return (
            UUID(int=self._dice.getrandbits(128)) if isinstance(column.type, Uuid) else self._numbers[column.table.name]
        )
