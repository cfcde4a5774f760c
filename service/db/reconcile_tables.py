"""The tables of what is asked of CircleCI to find webhooks that never came."""

from sqlalchemy import Boolean, Column, Index, Integer, SmallInteger, String, Table, Text, Uuid, text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

# One row for each project that builds: up to when its pipelines were listed.
reconciled_projects = Table(
    "reconciled_projects",
    metadata,
    Column("project_id", String(200), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("checked_until", UtcDateTime, nullable=False),
    Column("scan", Uuid),  # the list that it is part of; NULL: none is under way
    Column("scan_until", UtcDateTime),
    Column("cursor", Text),  # the page of the list to go on with
    Column("is_alone", Boolean, nullable=False),  # a list of several projects failed: it has one of its own
    sqlite_with_rowid=False,
)

pipelines_to_ask = Table(
    "pipelines_to_ask",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("project_id", String(200), nullable=False),
    Column("slug", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("urgency", SmallInteger, nullable=False),
    Column("due_at", UtcDateTime),  # NULL: it needs no more looks; the row stays, so that it is not listed anew
    Column("looks", Integer, nullable=False),
    Column("looked_at", UtcDateTime),  # NULL: not yet, or by a release that did not note it
    # for the next one to ask for
    Index(
        "ix_pipelines_to_ask_due",
        "urgency",
        "due_at",
        sqlite_where=text("due_at IS NOT NULL"),
        postgresql_where=text("due_at IS NOT NULL"),
    ),
    Index(None, "created_at"),  # for retention
    sqlite_with_rowid=False,
)

project_backfills = Table(
    "project_backfills",
    metadata,
    Column("slug", Text, primary_key=True),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("done_until", UtcDateTime, nullable=False),
    Column("cursor", Text),
    Column("asked", Integer, nullable=False),
    Column("found", Integer, nullable=False),
    Column("ended_at", UtcDateTime),  # NULL: it goes on when the command is called again
    sqlite_with_rowid=False,
)

# The calls that were made in the last minute that had one: timer and commands share them.
call_budgets = Table(
    "call_budgets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("minute_at", UtcDateTime, nullable=False),
    Column("taken", Integer, nullable=False),
    sqlite_with_rowid=False,
)
