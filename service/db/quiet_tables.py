"""The tables of what operators order about messages: silences."""

from sqlalchemy import JSON, Column, Index, Table, Text, Uuid

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

silences = Table(
    "silences",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("matchers", JSON, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("who", Text, nullable=False),
    Column("comment", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expired_by", Text),  # who ended it early; NULL: it ends by itself
    Index(None, "ends_at", "id"),  # for those that have not ended, the list, and retention
    sqlite_with_rowid=False,
)
