"""Saved views: searches of builds that users have named."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SHARED = sa.text("is_shared")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("query", sa.Text, nullable=False),
        sa.Column("is_shared", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("owner", "folded", name=op.f("uq_saved_views_owner_folded")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_saved_views_shared", "saved_views", ["folded"], unique=True, sqlite_where=SHARED, postgresql_where=SHARED
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("saved_views")
