"""Say by which channels a process goes: while a change is rolled out, processes differ."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; a process of an older release leaves it empty."""
    op.add_column("heartbeats", sa.Column("channels", sa.String(length=16), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("heartbeats", "channels")
