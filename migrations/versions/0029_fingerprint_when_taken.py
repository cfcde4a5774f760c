"""The fingerprint that an incident had when it was taken."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("incidents", sa.Column("taken_fingerprint", sa.String(64)))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("incidents", "taken_fingerprint")
