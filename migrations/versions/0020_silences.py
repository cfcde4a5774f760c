"""Silences: what operators do not want to hear of for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "silences",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("matchers", sa.JSON, nullable=False),
        sa.Column("starts_at", UTC, nullable=False),
        sa.Column("ends_at", UTC, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("expired_by", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_silences_ends_at_id"), "silences", ["ends_at", "id"])


def downgrade() -> None:
    """Remove it."""
    op.drop_table("silences")
