"""Settings of the projects of tracks, and runs that only set up others."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("tracks", sa.Column("posted_default", sa.Text))
    op.add_column("tracks", sa.Column("own_default", sa.Text))
    op.add_column("tracks", sa.Column("expire_s", sa.Integer))
    op.add_column("runs", sa.Column("setup_color", sa.String(8)))


def downgrade() -> None:
    """Remove them."""
    op.drop_column("runs", "setup_color")
    for name in ("expire_s", "own_default", "posted_default"):
        op.drop_column("tracks", name)
