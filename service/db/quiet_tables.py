"""The tables of silences, known problems, and alarms of Roundsman's own."""

from sqlalchemy import JSON, Boolean, Column, Index, String, Table, Text, Uuid

from service.db.columns import UtcDateTime, enum_check
from service.db.metadata import metadata
from service.model import AlarmKind

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

# Those that have not ended: what was told of the others stands in ``notifications``.
alarms = Table(
    "alarms",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("sentence", Text, nullable=False),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("channel_key", String(64)),  # that it is about
    enum_check("kind", AlarmKind),
    sqlite_with_rowid=False,
)

# Those that people added: others stand in roundsman.yaml.
known_problems = Table(
    "known_problems",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("pattern", Text),
    Column("fingerprint", String(64)),
    Column("title", Text, nullable=False),
    Column("link", Text),
    Column("owner", Text),
    Column("until", UtcDateTime),
    Column("is_muted", Boolean, nullable=False),
    Column("added_by", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("closed_by", Text),
    Column("reopened_at", UtcDateTime),
    sqlite_with_rowid=False,
)
