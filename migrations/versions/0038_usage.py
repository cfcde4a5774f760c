"""Usage: exports, and the credits that they tell of."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

STATES = "state IN ('created', 'processing', 'completed', 'failed', 'read', 'empty')"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "usage_exports",
        sa.Column("org_id", sa.String(100), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True)),
        sa.Column("remark", sa.Text),
        sa.CheckConstraint(STATES, name=op.f("ck_usage_exports_state")),
        sa.PrimaryKeyConstraint("org_id", "month", name=op.f("pk_usage_exports")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_figures",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("org_id", sa.String(100), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("project_name", sa.Text),
        sa.Column("project_slug", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("branch", sa.Text),
        sa.Column("workflows", sa.Integer, nullable=False),
        sa.Column("known", sa.Integer, nullable=False),
        sa.Column("jobs", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("credits", sa.Float, nullable=False),
        sa.Column("failed", sa.Float, nullable=False),
        sa.Column("reruns", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_figures")),
    )
    op.create_index(op.f("ix_usage_figures_month_org_id"), "usage_figures", ["month", "org_id"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("usage_figures")
    op.drop_table("usage_exports")
