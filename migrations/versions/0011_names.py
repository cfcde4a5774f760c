"""Names by which events are looked up, in whatever case they are typed."""

from collections.abc import Iterator
from typing import Any
from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COLUMNS = {
    "project": ("project_slug", "project_name", "org"),
    "branch": ("branch",),
    "tag": ("tag",),
    "workflow": ("workflow_name",),
    "job": ("job_name",),
    "status": ("status",),
    "actor": ("actor_login", "actor_name"),
    "author": ("commit_author_name", "commit_author_email"),
}
AT_ONCE = 1_000


def upgrade() -> None:
    """Make the table, and put on record what the events have; of millions, this takes a minute or two."""
    names = op.create_table(
        "names",
        sa.Column("field", sa.String(length=20), nullable=False),
        sa.Column("folded", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("field", "folded", "name", name=op.f("pk_names")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_names_field_seen_at", "names", ["field", "seen_at"])
    known: dict[tuple[str, str, str], Any] = {}
    for key, seen_at in _names():
        known[key] = max(seen_at, known.get(key, seen_at))
    rows = [dict(zip(("field", "folded", "name"), key, strict=True), seen_at=at) for key, at in known.items()]
    for start in range(0, len(rows), AT_ONCE):
        op.bulk_insert(names, rows[start : start + AT_ONCE])


def _names() -> Iterator[tuple[tuple[str, str, str], Any]]:
    """Yield field, folded name and name, with the time at which an event with it was last received."""
    events = sa.table("events", sa.column("received_at", sa.DateTime(timezone=True)))
    for field, columns in COLUMNS.items():
        grouped: list[Any] = [sa.column(column) for column in columns]
        distinct = sa.select(*grouped, sa.func.max(events.c.received_at)).select_from(events).group_by(*grouped)
        for *values, seen_at in op.get_bind().execute(distinct):
            some = _projects(*values) if field == "project" else values
            keys = [(field, _fold(name), name) for name in some if name and len(name) <= 200]
            yield from ((key, seen_at) for key in keys if len(key[1]) <= 400)


def _projects(slug: str | None, name: str | None, org: str | None) -> list[str | None]:
    host, _, rest = (slug or "").partition("/")
    other = {"gh": "github", "github": "gh", "bb": "bitbucket", "bitbucket": "bb"}.get(host)
    return [slug, f"{other}/{rest}" if other else None, name, f"{org}/{name}" if org and name else None]


def _fold(text: str) -> str:
    return normalize("NFC", normalize("NFC", text).casefold())


def downgrade() -> None:
    """Drop it."""
    op.drop_table("names")
