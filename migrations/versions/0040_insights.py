"""Insights: figures that CircleCI counts."""

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "insights",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("subject", sa.Text),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True)),
        sa.Column("facts", sa.JSON),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_insights")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_insights_place"), "insights", ["place"])
    op.create_index(op.f("ix_insights_tried_at"), "insights", ["tried_at"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("insights")
