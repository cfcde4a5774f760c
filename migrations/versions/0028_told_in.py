"""The notification whose message tells news together with others."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_notifications_told_in": ("told_in", "told_in IS NOT NULL"),
    "ix_notifications_untold_in": ("track_id", "told_in IS NOT NULL AND state = 'dropped'"),
}


def upgrade() -> None:
    """Add the column, which is empty for all news that were told by themselves."""
    op.add_column("notifications", sa.Column("told_in", sa.Uuid))
    for name, (column, rows) in INDEXES.items():
        op.create_index(name, "notifications", [column], sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))


def downgrade() -> None:
    """Remove it."""
    for name in INDEXES:
        op.drop_index(name, "notifications")
    op.drop_column("notifications", "told_in")
