"""An index of tracks by the names of their projects, which addresses of pages have."""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    op.create_index(op.f("ix_tracks_project_name"), "tracks", ["project_name"])


def downgrade() -> None:
    """Remove it."""
    op.drop_index(op.f("ix_tracks_project_name"), "tracks")
