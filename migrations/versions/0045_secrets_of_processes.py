"""The secrets that each process accepts, as fingerprints."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; NULL is of a process of an earlier release."""
    op.add_column("heartbeats", sa.Column("secrets", sa.JSON))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("heartbeats", "secrets")
