"""Tests that failed, with their results, and the counts of these by day."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "tests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("project_id", "project_slug", "project_name")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("job", "name")),
        *(sa.Column(name, sa.Text) for name in ("class_name", "file")),
        *(sa.Column(name, UTC, nullable=False) for name in ("first_failed_at", "last_failed_at")),
        sa.UniqueConstraint("digest", name=op.f("uq_tests_digest")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tests_last_failed_at_id"), "tests", ["last_failed_at", "id"])
    op.create_table(
        "test_results",
        sa.Column("test_id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.Uuid, primary_key=True),
        sa.Column("failed", sa.Boolean, primary_key=True),
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("pipeline_number", sa.BigInteger),
        sa.Column("revision", sa.Text),
        sa.Column("at", UTC, nullable=False),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("run_ms", sa.Integer),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_test_results_run_id"), "test_results", ["run_id"])
    op.create_index(op.f("ix_test_results_at"), "test_results", ["at"])
    op.create_index(op.f("ix_test_results_fingerprint_at"), "test_results", ["fingerprint", "at"])
    op.create_table(
        "test_days",
        sa.Column("test_id", sa.Integer, primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("passes", "fails")),
        sa.Column("total_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_test_days_day"), "test_days", ["day"])


def downgrade() -> None:
    """Remove them."""
    for table in ("test_days", "test_results", "tests"):
        op.drop_table(table)
