"""Living messages: where a channel has the message of an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
DUE = sa.text("edit_due_at IS NOT NULL")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "living_messages",
        sa.Column("incident_id", sa.Uuid, primary_key=True),
        sa.Column("channel_key", sa.String(64), primary_key=True),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("receiver", sa.Text, nullable=False),
        sa.Column("color", sa.String(8)),
        sa.Column("slack_channel", sa.String(64)),
        sa.Column("ts", sa.String(32)),
        sa.Column("unsure_since", UTC),
        sa.Column("edit_due_at", UTC),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_living_messages_edit_due_at"),
        "living_messages",
        ["edit_due_at"],
        sqlite_where=DUE,
        postgresql_where=DUE,
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("living_messages")
