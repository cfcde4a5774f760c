"""The kind of event that tells of changed settings, and since when they are known."""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

OLD_KINDS = "kind IN ('workflow-completed', 'job-completed', 'workflow-held', 'ping')"
NEW_KINDS = "kind IN ('workflow-completed', 'job-completed', 'workflow-held', 'settings-changed', 'ping')"


def upgrade() -> None:
    """Allow the kind of event, and add the column."""
    _allow(NEW_KINDS, instead_of=OLD_KINDS)
    op.add_column("guard_snapshots", sa.Column("since", sa.DateTime(timezone=True)))
    # of those that were read the last time is known, and that is not too early
    op.execute("UPDATE guard_snapshots SET since = taken_at WHERE lacking IS NULL OR states <> '{}'")


def downgrade() -> None:
    """Remove them; a delivery of such an event becomes a dead letter when it is replayed."""
    op.execute("DELETE FROM events WHERE kind = 'settings-changed'")
    _allow(OLD_KINDS, instead_of=NEW_KINDS)
    op.drop_column("guard_snapshots", "since")


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
