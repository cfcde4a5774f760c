"""What is asked of CircleCI to find webhooks that never came, and an alarm about them."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
IS_DUE = sa.text("due_at IS NOT NULL")
OLD_KINDS = "kind IN ('dead_letters', 'channel_refused', 'clock', 'token')"
NEW_KINDS = "kind IN ('dead_letters', 'channel_refused', 'clock', 'token', 'gaps')"


def upgrade() -> None:
    """Make the tables, and allow the kind of alarm."""
    op.create_table(
        "reconciled_projects",
        sa.Column("project_id", sa.String(200), nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("checked_until", UTC, nullable=False),
        sa.Column("scan", sa.Uuid),
        sa.Column("scan_until", UTC),
        sa.Column("cursor", sa.Text),
        sa.Column("is_alone", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_reconciled_projects")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pipelines_to_ask",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("project_id", sa.String(200), nullable=False),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("urgency", sa.SmallInteger, nullable=False),
        sa.Column("due_at", UTC),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pipelines_to_ask")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_pipelines_to_ask_due",
        "pipelines_to_ask",
        ["urgency", "due_at"],
        sqlite_where=IS_DUE,
        postgresql_where=IS_DUE,
    )
    op.create_index(op.f("ix_pipelines_to_ask_created_at"), "pipelines_to_ask", ["created_at"])
    op.create_table(
        "project_backfills",
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("since", UTC, nullable=False),
        sa.Column("until", UTC, nullable=False),
        sa.Column("done_until", UTC, nullable=False),
        sa.Column("cursor", sa.Text),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("found", sa.Integer, nullable=False),
        sa.Column("ended_at", UTC),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_project_backfills")),
        sqlite_with_rowid=False,
    )
    _allow(NEW_KINDS)


def downgrade() -> None:
    """Remove them; an alarm about gaps ends with that."""
    op.execute("DELETE FROM alarms WHERE kind = 'gaps'")
    _allow(OLD_KINDS)
    for table in ("project_backfills", "pipelines_to_ask", "reconciled_projects"):
        op.drop_table(table)


def _allow(kinds: str) -> None:
    """Change the check of the kinds; SQLite makes the table anew."""
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_alarms_kind"), "alarms")
        op.create_check_constraint(op.f("ck_alarms_kind"), "alarms", kinds)
        return
    op.rename_table("alarms", "alarms_before")
    op.create_table(
        "alarms",
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("sentence", sa.Text, nullable=False),
        sa.Column("begun_at", UTC, nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.Column("channel_key", sa.String(64)),
        sa.CheckConstraint(kinds, name=op.f("ck_alarms_kind")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_alarms")),
        sqlite_with_rowid=False,
    )
    columns = "key, kind, sentence, begun_at, seen_at, channel_key"
    op.execute(f"INSERT INTO alarms ({columns}) SELECT {columns} FROM alarms_before")
    op.drop_table("alarms_before")
