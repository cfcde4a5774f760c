"""Workflows that wait for an approval, and the kind of event that tells of one."""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
IS_OPEN = sa.text("ended_at IS NULL")
OLD_KINDS = "kind IN ('workflow-completed', 'job-completed', 'ping')"
NEW_KINDS = "kind IN ('workflow-completed', 'job-completed', 'workflow-held', 'ping')"


def upgrade() -> None:
    """Make the table, and allow the kind of event."""
    op.create_table(
        "holds",
        sa.Column("job_id", sa.String(200), nullable=False),
        sa.Column("workflow_id", sa.String(200), nullable=False),
        sa.Column("pipeline_id", sa.String(200), nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("pipeline_number", sa.BigInteger),
        sa.Column("branch", sa.Text),
        sa.Column("workflow", sa.Text),
        sa.Column("job", sa.Text),
        sa.Column("since", UTC, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("ended_at", UTC),
        sa.Column("ended_as", sa.String(20)),
        sa.Column("approved_by", sa.Text),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_holds")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_holds_open", "holds", ["since"], sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
    _allow(NEW_KINDS, instead_of=OLD_KINDS)


def downgrade() -> None:
    """Remove them; a delivery of a hold becomes a dead letter when it is replayed."""
    op.execute("DELETE FROM events WHERE kind = 'workflow-held'")
    _allow(OLD_KINDS, instead_of=NEW_KINDS)
    op.drop_table("holds")


def _allow(kinds: str, *, instead_of: str) -> None:
    """Change the check of the kinds.

    On SQLite its words alone: a copy of the table would take as long as the history is. Source: sqlite.org,
    "ALTER TABLE", of changes that do not affect what is stored.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        # rows that are there pass it: they are not read once more, and posts go on meanwhile
        op.drop_constraint(op.f("ck_events_kind"), "events")
        op.execute(f"ALTER TABLE events ADD CONSTRAINT ck_events_kind CHECK ({kinds}) NOT VALID")
        op.execute("ALTER TABLE events VALIDATE CONSTRAINT ck_events_kind")
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'events'",
        (instead_of, kinds),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
