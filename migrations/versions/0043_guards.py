"""Settings at CircleCI that guard builds, and their changes."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

AREAS = (
    "area IN ('webhooks', 'env_vars', 'checkout_keys', 'project_settings', 'project_claims', 'channels', 'schedules', "
    "'contexts', 'context_variables', 'org_claims', 'policies', 'integrations', 'exporters')"
)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "guard_snapshots",
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("area", sa.String(40), nullable=False),
        sa.Column("states", sa.Text, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lacking", sa.Text),
        sa.PrimaryKeyConstraint("scope", "area", name=op.f("pk_guard_snapshots")),
        sa.CheckConstraint(AREAS, name=op.f("ck_guard_snapshots_area")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "guard_changes",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("area", sa.String(40), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_changes")),
        sa.CheckConstraint(AREAS, name=op.f("ck_guard_changes_area")),
        sa.CheckConstraint("kind IN ('added', 'removed', 'changed')", name=op.f("ck_guard_changes_kind")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_guard_changes_at", "guard_changes", ["at"])


def downgrade() -> None:
    """Remove them."""
    op.drop_table("guard_changes")
    op.drop_table("guard_snapshots")
