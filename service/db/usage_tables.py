"""The tables of usage: exports, and the credits that they tell of."""

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text

from service.db.columns import UtcDateTime, enum_check
from service.db.metadata import metadata
from service.model.usage import ExportState

# The newest export of an organization and month; the figures are of the newest that was read.
usage_exports = Table(
    "usage_exports",
    metadata,
    Column("org_id", String(100), primary_key=True),
    Column("month", String(7), primary_key=True),
    Column("id", Text, nullable=False),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime),
    Column("remark", Text),
    enum_check("state", ExportState),
    sqlite_with_rowid=False,
)

usage_figures = Table(
    "usage_figures",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("org_id", String(100), nullable=False),
    Column("month", String(7), nullable=False),
    Column("project_id", Text),
    Column("project_name", Text),
    Column("project_slug", Text),
    Column("workflow", Text),
    Column("branch", Text),
    Column("workflows", Integer, nullable=False),
    Column("known", Integer, nullable=False),
    Column("jobs", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("credits", Float, nullable=False),
    Column("failed", Float, nullable=False),
    Column("reruns", Float, nullable=False),
    Index(None, "month", "org_id"),  # for the figures of a month
)
