"""The table of insights: figures that CircleCI counts."""

from sqlalchemy import JSON, Column, Index, String, Table, Text, Uuid

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

# An answer is apart from our own figures; of a refusal the reason is kept, and the last facts stay.
insights = Table(
    "insights",
    metadata,
    Column("id", Uuid, primary_key=True),  # of place, kind and subject
    Column("place", Text, nullable=False),  # the slug of a project or an organization
    Column("kind", String(20), nullable=False),
    Column("subject", Text),  # the workflow
    Column("tried_at", UtcDateTime, nullable=False),
    Column("asked_at", UtcDateTime),
    Column("facts", JSON(none_as_null=True)),
    Column("reason", Text),
    Index(None, "place"),  # for the pages of a project
    Index(None, "tried_at"),  # for the questions that are due
    sqlite_with_rowid=False,
)
