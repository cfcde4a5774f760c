"""The table of workflows that wait for an approval."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, text

from service.db.columns import UtcDateTime
from service.db.metadata import metadata

# One row for each approval that a workflow waits for, or waited for.
holds = Table(
    "holds",
    metadata,
    Column("job_id", String(200), primary_key=True),  # of the approval
    Column("workflow_id", String(200), nullable=False),
    Column("pipeline_id", String(200), nullable=False),
    Column("project", Text, nullable=False),  # its slug
    Column("pipeline_number", BigInteger),
    Column("branch", Text),
    Column("workflow", Text),
    Column("job", Text),
    Column("since", UtcDateTime, nullable=False),
    Column("url", Text),
    Column("ended_at", UtcDateTime),  # NULL: it waits still
    Column("ended_as", String(20)),  # approved, canceled ...
    Column("approved_by", Text),
    # for those that wait
    Index(
        "ix_holds_open",
        "since",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    sqlite_with_rowid=False,
)
