"""The table of living messages: one for each incident and channel that can edit."""

from sqlalchemy import Column, Index, String, Table, Text, Uuid, text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

living_messages = Table(
    "living_messages",
    metadata,
    Column("incident_id", Uuid, primary_key=True),
    Column("channel_key", String(64), primary_key=True),
    Column("route", Text, nullable=False),  # whose news it tells
    Column("receiver", Text, nullable=False),
    Column("color", String(8)),  # the color that it shows; NULL: it is not posted yet
    Column("slack_channel", String(64)),
    Column("ts", String(32)),
    Column("unsure_since", UtcDateTime),  # an attempt that began then may have posted it
    Column("edit_due_at", UtcDateTime),  # NULL: it is as it should be
    Index(
        None,
        "edit_due_at",
        sqlite_where=text("edit_due_at IS NOT NULL"),
        postgresql_where=text("edit_due_at IS NOT NULL"),
    ),
    sqlite_with_rowid=False,
)
