"""Count how often judging a delivery was put off for a reason that should have passed by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count; a process of an older release leaves it alone."""
    op.add_column("deliveries", sa.Column("put_offs", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("deliveries", "put_offs")
