"""Facts of workflows and pull requests, tests that are asked for without a message, and whether they are known."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

FACTS = {
    "workflow_auto_rerun_number": sa.Integer,
    "workflow_max_auto_reruns": sa.Integer,
    "workflow_is_setup": sa.Boolean,
    "pull_request_number": sa.BigInteger,
    "pull_request_url": sa.Text,
}
OLD = "purpose IN ('decision', 'message', 'page')"
NEW = "purpose IN ('decision', 'message', 'page', 'tests')"


def upgrade() -> None:
    """Add the columns, and allow the purpose."""
    for name, kind in FACTS.items():
        op.add_column("events", sa.Column(name, kind))
    op.add_column("details", sa.Column("has_tests", sa.Boolean))
    _allow(NEW)


def downgrade() -> None:
    """Remove them: tests without a message are not asked for any longer."""
    op.execute("DELETE FROM fetches WHERE purpose = 'tests'")
    _allow(OLD)
    op.drop_column("details", "has_tests")
    for name in FACTS:
        op.drop_column("events", name)


def _allow(purposes: str) -> None:
    """Change the check of the purposes; SQLite makes the table anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_fetches_purpose"), "fetches")
        op.create_check_constraint(op.f("ck_fetches_purpose"), "fetches", purposes)
        return
    op.drop_index("ix_fetches_purpose_due_at", "fetches")
    op.rename_table("fetches", "fetches_before")
    op.create_table(
        "fetches",
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(purposes, name=op.f("ck_fetches_purpose")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_fetches")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO fetches (event_id, purpose, due_at) SELECT event_id, purpose, due_at FROM fetches_before")
    op.drop_table("fetches_before")
    op.create_index(op.f("ix_fetches_purpose_due_at"), "fetches", ["purpose", "due_at"])
