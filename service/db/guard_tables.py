"""The tables of the settings that guard builds, and of their changes."""

from sqlalchemy import Column, Index, String, Table, Text, Uuid

from service.db.columns import UtcDateTime, enum_check
from service.db.metadata import metadata
from service.model import ChangeKind, GuardArea

guard_snapshots = Table(
    "guard_snapshots",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("area", String(40), primary_key=True),
    Column("states", Text, nullable=False),  # JSON: the states by name
    Column("taken_at", UtcDateTime, nullable=False),
    Column("lacking", Text),
    Column("since", UtcDateTime),
    enum_check("area", GuardArea),
    sqlite_with_rowid=False,
)

guard_changes = Table(
    "guard_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("scope", Text, nullable=False),
    Column("area", String(40), nullable=False),
    Column("name", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("sentence", Text, nullable=False),
    enum_check("area", GuardArea),
    enum_check("kind", ChangeKind),
    Index("ix_guard_changes_at", "at"),
    sqlite_with_rowid=False,
)
