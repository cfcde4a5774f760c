"""The tables of the audit chain: seals, and hashes of the rows that they cover."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

_Number = BigInteger().with_variant(Integer, "sqlite")

seals = Table(
    "seals",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("kind", String(10), nullable=False),  # rows, retention or blanking
    Column("previous", String(64), nullable=False),
    Column("root", String(64), nullable=False),
    Column("count", Integer, nullable=False),
    Column("sealed_at", UtcDateTime, nullable=False),
    Column("covered_until", UtcDateTime, nullable=False),
    Column("before", UtcDateTime),  # of retention: the time before which rows are old
    Column("who", Text),  # of blanking: the operator
    Column("hash", String(64), nullable=False),
    UniqueConstraint("previous"),  # no seal has two that follow it
)

# What each row was when it was sealed. A row of it stays when the row that it is about is deleted.
sealed_rows = Table(
    "sealed_rows",
    metadata,
    Column("table_number", SmallInteger, primary_key=True),
    Column("row_id", Uuid, primary_key=True),
    Column("row_number", BigInteger, primary_key=True),  # 0 where the id alone is the key
    Column("seal", _Number, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("salt", LargeBinary, nullable=False),  # another one once the row was blanked: no guess fits the old hash
    Column("removed_in", _Number),  # the seal of the retention that deleted the row
    Index(None, "seal"),
    Index(
        "ix_sealed_rows_removed",
        "removed_in",
        sqlite_where=text("removed_in IS NOT NULL"),
        postgresql_where=text("removed_in IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)

seal_removals = Table(
    "seal_removals",
    metadata,
    Column("seal", _Number, primary_key=True, autoincrement=False),
    Column("from_seal", _Number, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    sqlite_with_rowid=False,
)

seal_blankings = Table(
    "seal_blankings",
    metadata,
    Column("seal", _Number, primary_key=True, autoincrement=False),
    Column("table_number", SmallInteger, primary_key=True),
    Column("row_id", Uuid, primary_key=True),
    Column("row_number", BigInteger, primary_key=True),
    Column("old", LargeBinary, nullable=False),
    Column("new", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)
