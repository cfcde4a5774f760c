"""The project of each notification, by which it is found."""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

COLUMNS = ("project_slug", "project_name")
TO_FILL_IN = "event_id IS NOT NULL AND project_slug IS NULL AND project_name IS NULL"
FILL_IN = """
    UPDATE notifications SET project_slug = substr(events.project_slug, 1, 200), project_name = substr(
        CASE WHEN events.project_name LIKE '%/%' THEN events.project_name
        ELSE coalesce(events.org || '/', '') || events.project_name END, 1, 200)
    FROM events WHERE events.id = notifications.event_id
"""
"""An index of Postgres takes no entry of any length."""


def upgrade() -> None:
    """Add the columns, fill them in from the events, and make their indexes."""
    for name in COLUMNS:
        op.add_column("notifications", sa.Column(name, sa.Text))
    op.execute(FILL_IN)
    for name in COLUMNS:
        op.create_index(op.f(f"ix_notifications_{name}_created_at_id"), "notifications", [name, "created_at", "id"])
    where = sa.text(TO_FILL_IN)
    op.create_index(
        "ix_notifications_without_project", "notifications", ["id"], sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    """Remove them."""
    op.drop_index("ix_notifications_without_project", "notifications")
    for name in COLUMNS:
        op.drop_index(op.f(f"ix_notifications_{name}_created_at_id"), "notifications")
        op.drop_column("notifications", name)
