"""Kept deliveries and details that are to be fetched are rows with a time; their jobs go.

What a job was about is told by the row it was about: a kept delivery is decided on, and an event whose details were to
be fetched gets a row in ``fetches``.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
PURPOSES = ("decision", "message", "page")
PURPOSE_OF_JOB = {"enrich": "message", "revisit": "page"}
ROW_JOBS = ("process", "ask", "judge", *PURPOSE_OF_JOB)
IS_TIMED = sa.text("due_at IS NOT NULL")


def upgrade() -> None:
    """Add the times; turn the jobs that fetch into rows, and delete those that the rows replace."""
    op.add_column("deliveries", sa.Column("due_at", UTC))
    op.create_index("ix_deliveries_due", "deliveries", ["due_at"], sqlite_where=IS_TIMED, postgresql_where=IS_TIMED)
    op.create_table(
        "fetches",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("due_at", UTC, nullable=False),
        sa.CheckConstraint(f"purpose IN ({_listed(PURPOSES)})", name=op.f("ck_fetches_purpose")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_fetches")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_fetches_purpose_due_at"), "fetches", ["purpose", "due_at"])
    for kind, purpose in PURPOSE_OF_JOB.items():
        op.execute(_move_jobs(kind, purpose))
    op.execute(f"DELETE FROM {_jobs()} WHERE {_kind()} IN ({_listed(ROW_JOBS)})")


def downgrade() -> None:
    """Remove the times: the release before finds deliveries without a job by itself, and details when asked again."""
    op.drop_table("fetches")
    op.drop_index("ix_deliveries_due", "deliveries")
    op.drop_column("deliveries", "due_at")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _jobs() -> str:
    return "jobs" if _is_sqlite() else "procrastinate_jobs"


def _kind() -> str:
    return "kind" if _is_sqlite() else "args ->> 'kind'"


def _move_jobs(kind: str, purpose: str) -> str:
    """Return the statement that makes a row of each event with a job of a kind; the first kind to come stays."""
    if _is_sqlite():
        event_id, due_at, are_open = "subject_id", "min(run_at)", "true"
    else:
        event_id, are_open = "CAST(args ->> 'subject_id' AS uuid)", "status IN ('todo', 'doing')"
        due_at = "min(coalesce(scheduled_at, now()))"
    return (
        f"INSERT INTO fetches (event_id, purpose, due_at) SELECT {event_id}, '{purpose}', {due_at} FROM {_jobs()} "
        f"WHERE {_kind()} = '{kind}' AND {are_open} GROUP BY {event_id} ON CONFLICT DO NOTHING"
    )


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(f"'{value}'" for value in values)
