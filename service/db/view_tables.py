"""The table of saved views."""

from sqlalchemy import Boolean, Column, Index, Table, Text, UniqueConstraint, Uuid, text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

saved_views = Table(
    "saved_views",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("folded", Text, nullable=False),  # the name without differences of case
    Column("query", Text, nullable=False),
    Column("is_shared", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    UniqueConstraint("owner", "folded"),  # and for the list of a user
    # shared ones stand in one list, where two of a name could not be told apart
    Index(
        "ix_saved_views_shared",
        "folded",
        unique=True,
        sqlite_where=text("is_shared"),
        postgresql_where=text("is_shared"),
    ),
    sqlite_with_rowid=False,
)
