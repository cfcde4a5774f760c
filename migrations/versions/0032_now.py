"""Indexes for the page Now: the tracks of default branches, and the runs of weeks."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

OF_DEFAULT_BRANCH = sa.text(
    "branch = coalesce(own_default, posted_default, CASE WHEN branch IN ('main', 'master') THEN branch END)"
)


def upgrade() -> None:
    """Add the indexes."""
    op.create_index(
        "ix_tracks_of_default_branches",
        "tracks",
        ["color", "project_slug"],
        sqlite_where=OF_DEFAULT_BRANCH,
        postgresql_where=OF_DEFAULT_BRANCH,
    )
    op.create_index("ix_runs_of_weeks", "runs", ["stopped_at", "track_id", "color", "created_at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_runs_of_weeks", "runs")
    op.drop_index("ix_tracks_of_default_branches", "tracks")
