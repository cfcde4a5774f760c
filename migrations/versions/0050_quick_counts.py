"""Indexes for what pages count and find: red runs, known tests, open incidents, projects."""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

PAIRS = (["project_name", "project_slug"], ["project_slug", "project_name"])
INDEXES = (
    ("ix_runs_of_reds", "runs", ["stopped_at", "track_id", "event_id", "color"], "color = 'red'"),
    ("ix_incidents_open", "incidents", ["opened_at", "id"], "closed_because IS NULL"),
    ("ix_details_with_tests", "details", ["event_id", "has_tests"], "has_tests"),
)
"""Each has few of its table's rows: it is small, and made in a moment. Those of tracks are of a small table."""


def upgrade() -> None:
    """Make the indexes."""
    for name, table, columns, rows in INDEXES:
        op.create_index(name, table, columns, sqlite_where=sa.text(rows), postgresql_where=sa.text(rows))
    for columns in PAIRS:
        op.create_index(op.f(f"ix_tracks_{'_'.join(columns)}"), "tracks", columns)
    op.drop_index(op.f("ix_tracks_project_name"), "tracks")


def downgrade() -> None:
    """Remove them."""
    for name, table, _columns, _rows in INDEXES:
        op.drop_index(name, table)
    for columns in PAIRS:
        op.drop_index(op.f(f"ix_tracks_{'_'.join(columns)}"), "tracks")
    op.create_index(op.f("ix_tracks_project_name"), "tracks", ["project_name"])
