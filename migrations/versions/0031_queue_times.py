"""The time that each run waited for its first job."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of runs before, the time is not known."""
    op.add_column("events", sa.Column("queue_ms", sa.BigInteger))


def downgrade() -> None:
    """Remove it."""
    op.drop_column("events", "queue_ms")
