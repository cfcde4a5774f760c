"""Say of a notification which lane it shares, and since when no worker knew its channel."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing in them means what was so before there were any."""
    op.add_column("notifications", sa.Column("server_lane", sa.String(length=64), nullable=True))
    op.add_column("notifications", sa.Column("unknown_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("notifications", "unknown_since")
    op.drop_column("notifications", "server_lane")
