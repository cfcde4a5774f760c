"""An index for the newest acts of operators."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index(op.f("ix_actions_at_id"), "actions", ["at", "id"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index(op.f("ix_actions_at_id"), "actions")
