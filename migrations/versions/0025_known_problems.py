"""Known problems that people added."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "known_problems",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("pattern", sa.Text),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("until", UTC),
        sa.Column("is_muted", sa.Boolean, nullable=False),
        sa.Column("added_by", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_by", sa.Text),
        sa.Column("reopened_at", UTC),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("known_problems")
