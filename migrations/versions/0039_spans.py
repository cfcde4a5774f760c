"""Spans of CircleCI's OpenTelemetry exporter."""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

PARTIAL = (
    ("pipelines", ["pipeline_id"], "level = 'pipeline'"),
    ("workflows", ["received_at", "workflow_id"], "level = 'workflow'"),
    ("passed_steps", ["received_at"], "level = 'step' AND result = 'success'"),
)


def upgrade() -> None:
    """Make the table, and an index by which a span finds its project."""
    op.create_table(
        "spans",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("level", sa.String(10), nullable=False),
        sa.Column("org_id", sa.Text),
        sa.Column("project_id", sa.Text),
        sa.Column("pipeline_id", sa.Uuid, nullable=False),
        sa.Column("workflow_id", sa.Uuid),
        sa.Column("job_id", sa.Uuid),
        sa.Column("task_index", sa.Integer),
        sa.Column("span_id", sa.String(16), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("status", sa.Text),
        sa.Column("result", sa.Text),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.CheckConstraint("level IN ('pipeline', 'workflow', 'job', 'task', 'step')", name=op.f("ck_spans_level")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spans")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_spans_workflow_id_level"), "spans", ["workflow_id", "level"])
    op.create_index(op.f("ix_spans_received_at_id"), "spans", ["received_at", "id"])
    op.create_index(op.f("ix_tracks_project_id"), "tracks", ["project_id"])
    for name, columns, rows in PARTIAL:
        op.create_index(
            f"ix_spans_{name}", "spans", columns, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows)
        )


def downgrade() -> None:
    """Remove them."""
    op.drop_index(op.f("ix_tracks_project_id"), "tracks")
    op.drop_table("spans")
