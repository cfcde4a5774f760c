"""An index of the notifications in each state, for lists of one that few are in."""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

IS_UNSENT = sa.text("state <> 'sent'")


def _create(name: str, columns: list[str]) -> None:
    op.create_index(name, "notifications", columns, sqlite_where=IS_UNSENT, postgresql_where=IS_UNSENT)


def upgrade() -> None:
    """Put the index in the place of one by time alone."""
    _create("ix_notifications_unsent_states", ["state", "created_at", "id"])
    op.drop_index("ix_notifications_unsent_created", "notifications")


def downgrade() -> None:
    """Make the earlier one again."""
    _create("ix_notifications_unsent_created", ["created_at", "id"])
    op.drop_index("ix_notifications_unsent_states", "notifications")
