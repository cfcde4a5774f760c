"""The user of a session: name, kind of credential, groups, browser."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("sessions", sa.Column("user_name", sa.Text))
    op.add_column("sessions", sa.Column("kind", sa.String(20)))
    op.add_column("sessions", sa.Column("groups", sa.JSON))
    op.add_column("sessions", sa.Column("user_agent", sa.Text))


def downgrade() -> None:
    """Remove them."""
    for name in ("user_agent", "groups", "kind", "user_name"):
        op.drop_column("sessions", name)
