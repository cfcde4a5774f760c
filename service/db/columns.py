"""Types and checks of columns that are alike on SQLite and Postgres."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import ARRAY


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
