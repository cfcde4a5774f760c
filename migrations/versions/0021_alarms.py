"""Alarms of Roundsman's own that have not ended."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
KINDS = "kind IN ('dead_letters', 'channel_refused', 'clock', 'token')"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "alarms",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.Column("channel_key", sa.String(64)),
        sa.CheckConstraint(KINDS, name=op.f("ck_alarms_kind")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("alarms")
