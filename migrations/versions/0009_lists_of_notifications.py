"""Indexes for the list of notifications: all, by receiver, by channel, and those that were not sent."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

LISTS = {
    "ix_notifications_created_at_id": ["created_at", "id"],
    "ix_notifications_receiver_created_at_id": ["receiver", "created_at", "id"],
    "ix_notifications_channel_label_created_at_id": ["channel_label", "created_at", "id"],
}
UNSENT = sa.text("state <> 'sent'")


def upgrade() -> None:
    """Make them; on a large table this takes a while, and notifications are not written meanwhile."""
    for name, columns in LISTS.items():
        op.create_index(name, "notifications", columns)
    op.create_index(
        "ix_notifications_unsent_created",
        "notifications",
        ["created_at", "id"],
        sqlite_where=UNSENT,
        postgresql_where=UNSENT,
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("ix_notifications_unsent_created", *LISTS):
        op.drop_index(name, "notifications")
