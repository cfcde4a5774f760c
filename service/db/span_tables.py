"""The table of spans of CircleCI's OpenTelemetry exporter."""

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text, Uuid, text

from service.db.columns import UtcDateTime, enum_check
from service.db.metadata import metadata
from service.model import SpanLevel

spans = Table(
    "spans",
    metadata,
    Column("id", Uuid, primary_key=True),  # of the part that it is about, see model/spans.py: it is stored once
    Column("level", String(10), nullable=False),
    Column("org_id", Text),
    Column("project_id", Text),
    Column("pipeline_id", Uuid, nullable=False),
    Column("workflow_id", Uuid),  # those of runs
    Column("job_id", Uuid),
    Column("task_index", Integer),
    Column("span_id", String(16), nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text),
    Column("result", Text),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("received_at", UtcDateTime, nullable=False),  # the first time
    Column("facts", JSON, nullable=False),
    enum_check("level", SpanLevel),
    Index(None, "workflow_id", "level"),  # for the page of a run
    Index(None, "received_at", "id"),  # for retention
    *(
        Index(f"ix_spans_{name}", *columns, sqlite_where=text(rows), postgresql_where=text(rows))
        for name, columns, rows in (
            ("pipelines", ("pipeline_id",), "level = 'pipeline'"),
            ("workflows", ("received_at", "workflow_id"), "level = 'workflow'"),  # for those without a webhook
            ("passed_steps", ("received_at",), "level = 'step' AND result = 'success'"),  # they are kept for less long
        )
    ),
    sqlite_with_rowid=False,
)
