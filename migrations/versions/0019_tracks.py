"""Runs, tracks and incidents: what is red, since when, and what each channel was told of it.

The history so far is filled in when the service starts. A message may be about no event, and may be dropped before it
is sent; SQLite cannot change such conditions, so that the table is written anew there.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
COLORS = "'red', 'green', 'grey'"
TRANSITIONS = "'broke', 'still_broken', 'fixed', 'passed', 'none'"
CLOSINGS = "'green', 'rerun', 'expired'"
CLASSES = "'new', 'flaky', 'infrastructure', 'known_problem', 'expected'"
NEWS = "'run', 'broke', 'still_broken', 'fixed', 'passed', 'reminder', 'escalation', 'summary', 'digest', 'operator'"
STATES = "state IN ('pending', 'sending', 'sent', 'dead', 'dismissed')"
NEW_STATES = "state IN ('pending', 'sending', 'sent', 'dead', 'dismissed', 'dropped')"
WAITING = sa.text("track_id IS NOT NULL AND (state = 'pending' OR state = 'sending')")
SQLITE_COLUMNS = (
    "news VARCHAR(16) DEFAULT 'run' NOT NULL, track_id INTEGER, incident_id CHAR(32), waits_for VARCHAR(16), "
    f"CONSTRAINT ck_notifications_news CHECK (news IN ({NEWS})), "
)
SQLITE_TABLES = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'notifications'"
SQLITE_INDEXES = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'notifications' AND sql IS NOT NULL"


def upgrade() -> None:
    """Make the tables, and give notifications their news."""
    _create_tracks()
    _create_runs()
    _create_incidents()
    op.create_table(
        "told",
        sa.Column("track_id", sa.Integer, primary_key=True),
        sa.Column("channel_key", sa.String(64), primary_key=True),
        sa.Column("color", sa.String(8), nullable=False),
        sa.Column("at", UTC, nullable=False),
        _check("told", "color", COLORS),
        sqlite_with_rowid=False,
    )
    op.add_column("decisions", sa.Column("run", sa.String(12)))
    _change_conditions(STATES, NEW_STATES, is_event_needed=False)
    op.create_index(
        "ix_notifications_of_tracks", "notifications", ["track_id"], sqlite_where=WAITING, postgresql_where=WAITING
    )


def downgrade() -> None:
    """Remove them; messages that the release before does not know go too."""
    op.execute("DELETE FROM notifications WHERE event_id IS NULL")
    op.execute("UPDATE notifications SET state = 'dismissed' WHERE state = 'dropped'")
    op.drop_index("ix_notifications_of_tracks", "notifications")
    _change_conditions(NEW_STATES, STATES, is_event_needed=True)
    op.drop_column("decisions", "run")
    for table in ("told", "incidents", "runs", "tracks"):
        op.drop_table(table)


def _check(table: str, column: str, values: str) -> sa.CheckConstraint:
    return sa.CheckConstraint(f"{column} IN ({values})", name=op.f(f"ck_{table}_{column}"))


def _create_tracks() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.Uuid, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("project_id", "project_slug", "project_name", "workflow", "branch")),
        sa.Column("newest_pipeline", sa.BigInteger),
        sa.Column("colored_pipeline", sa.BigInteger),
        sa.Column("color", sa.String(8)),
        sa.Column("streak", sa.Integer, nullable=False),
        sa.Column("since", UTC),
        sa.Column("incident_id", sa.Uuid),
        sa.Column("last_at", UTC),
        sa.UniqueConstraint("digest", name=op.f("uq_tracks_digest")),
        _check("tracks", "color", COLORS),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tracks_project_slug_branch"), "tracks", ["project_slug", "branch"])


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("pipeline_number", sa.BigInteger),
        sa.Column("created_at", UTC, nullable=False),
        sa.Column("stopped_at", UTC, nullable=False),
        sa.Column("color", sa.String(8), nullable=False),
        sa.Column("number_in_pipeline", sa.Integer, nullable=False),
        sa.Column("transition", sa.String(16), nullable=False),
        sa.Column("streak", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.Uuid),
        sa.Column("is_late", sa.Boolean, nullable=False),
        _check("runs", "color", COLORS),
        _check("runs", "transition", TRANSITIONS),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_runs_track_id_pipeline_number"), "runs", ["track_id", "pipeline_number"])


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("track_id", sa.Integer, nullable=False),
        sa.Column("opened_at", UTC, nullable=False),
        sa.Column("opened_by", sa.Uuid, nullable=False),
        sa.Column("last_red", sa.Uuid, nullable=False),
        sa.Column("streak", sa.Integer, nullable=False),
        sa.Column("closed_at", UTC),
        sa.Column("closed_by", sa.Uuid),
        sa.Column("closed_because", sa.String(16)),
        sa.Column("fingerprint", sa.String(64)),
        sa.Column("taken_by", sa.Text),
        sa.Column("taken_at", UTC),
        sa.Column("taken_until", UTC),
        sa.Column("taken_note", sa.Text),
        sa.Column("klass", sa.String(16)),
        sa.Column("class_by", sa.Text),
        sa.Column("fixed_by", sa.Text),
        sa.Column("muted_until", UTC),
        sa.Column("merged_into", sa.Uuid),
        sa.Column("is_found_late", sa.Boolean, nullable=False),
        _check("incidents", "closed_because", CLOSINGS),
        _check("incidents", "klass", CLASSES),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_incidents_track_id_opened_at"), "incidents", ["track_id", "opened_at"])
    op.create_index(op.f("ix_incidents_opened_at_id"), "incidents", ["opened_at", "id"])


def _new_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("news", sa.String(16), nullable=False, server_default=sa.text("'run'")),
        sa.Column("track_id", sa.Integer),
        sa.Column("incident_id", sa.Uuid),
        sa.Column("waits_for", sa.String(16)),
    ]


def _change_conditions(old: str, new: str, *, is_event_needed: bool) -> None:
    """Change the states of a notification, and whether it needs an event; with the columns of its news."""
    if op.get_bind().dialect.name == "sqlite":
        _write_anew(old, new, is_event_needed=is_event_needed)
        return
    op.drop_constraint(op.f("ck_notifications_state"), "notifications")
    op.create_check_constraint(op.f("ck_notifications_state"), "notifications", new)
    op.alter_column("notifications", "event_id", nullable=not is_event_needed)
    if is_event_needed:
        op.drop_constraint(op.f("ck_notifications_news"), "notifications")
        for column in _new_columns():
            op.drop_column("notifications", column.name)
        return
    for column in _new_columns():
        op.add_column("notifications", column)
    op.create_check_constraint(op.f("ck_notifications_news"), "notifications", f"news IN ({NEWS})")


def _write_anew(old: str, new: str, *, is_event_needed: bool) -> None:
    """Copy the rows into a table with the new conditions, then make its indexes again."""
    bind = op.get_bind()
    indexes = bind.execute(sa.text(SQLITE_INDEXES)).scalars().all()
    definition = bind.execute(sa.text(SQLITE_TABLES)).scalar_one()
    columns = [row[1] for row in bind.execute(sa.text("PRAGMA table_info(notifications)"))]
    definition = _changed(definition, old, new, is_event_needed=is_event_needed)
    if is_event_needed:
        columns = [name for name in columns if name not in {column.name for column in _new_columns()}]
    op.rename_table("notifications", "notifications_before")
    for index in indexes:
        op.execute(f"DROP INDEX {index.split()[2]}")
    op.execute(definition)
    listed = ", ".join(columns)
    op.execute(f"INSERT INTO notifications ({listed}) SELECT {listed} FROM notifications_before")
    op.drop_table("notifications_before")
    for index in indexes:
        op.execute(index)


def _changed(definition: str, old: str, new: str, *, is_event_needed: bool) -> str:
    """Return the definition of the table with other conditions and columns."""
    changed = definition.replace(old, new)
    without, with_ = "event_id CHAR(32), ", "event_id CHAR(32) NOT NULL, "
    if is_event_needed:
        return changed.replace(without, with_).replace(SQLITE_COLUMNS, "")
    key = "CONSTRAINT pk_notifications"
    return changed.replace(with_, without).replace(key, SQLITE_COLUMNS + key)
