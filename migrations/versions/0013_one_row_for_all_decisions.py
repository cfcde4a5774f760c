"""Decisions on an event are one row for each round, and routes are kept once for each state of roundsman.yaml.

The release before cannot write decisions to the new table: no process of it may run meanwhile or later.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

from service.store.bodies import unpack

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UTC = sa.DateTime(timezone=True)
LETTERS = {"matched": "m", "already_told": "a", "preceded": "p"}
NO_REASON = "the reason was not in words when this was decided"
AT_ONCE = 1_000


def upgrade() -> None:
    """Turn the rows: each reason stays in its words. Of millions, this takes minutes."""
    op.add_column("deliveries", sa.Column("body_dictionary", sa.SmallInteger()))
    op.create_table(
        "routes_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("seen_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routes_versions")),
        sa.UniqueConstraint("digest", name=op.f("uq_routes_versions_digest")),
        sqlite_autoincrement=True,
    )
    _rename_decisions()
    op.create_table(
        "decisions",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("routes_version", sa.Integer()),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("absent_facts", sa.SmallInteger(), nullable=False),
        sa.Column("notes", sa.JSON()),
        sa.Column("decided_at", UTC, nullable=False),
        sa.PrimaryKeyConstraint("event_id", "round", name=op.f("pk_decisions")),
        sqlite_with_rowid=False,
    )
    op.execute(GATHER[op.get_bind().dialect.name])
    op.drop_table("decisions_before")


GATHER = {
    "sqlite": """
        INSERT INTO decisions (event_id, round, verdicts, is_told, absent_facts, notes, decided_at)
        SELECT event_id, round,
            coalesce(group_concat(substr(nullif(verdict, 'not_matched'), 1, 1) || position, ' '), ''),
            max(verdict = 'already_told')
                OR EXISTS (SELECT 1 FROM notifications WHERE notifications.event_id = d.event_id),
            0,
            json_object('texts', json_group_array(json_array(route, receiver, reason))),
            min(decided_at)
        FROM (SELECT * FROM decisions_before ORDER BY event_id, round, position) AS d
        GROUP BY event_id, round
    """,
    "postgresql": """
        INSERT INTO decisions (event_id, round, verdicts, is_told, absent_facts, notes, decided_at)
        SELECT event_id, round,
            coalesce(string_agg(left(nullif(verdict, 'not_matched'), 1) || position, ' ' ORDER BY position), ''),
            bool_or(verdict = 'already_told')
                OR EXISTS (SELECT 1 FROM notifications WHERE notifications.event_id = d.event_id),
            0,
            json_build_object(
                'texts', json_agg(json_build_array(route, receiver, reason) ORDER BY position)
            ),
            min(decided_at)
        FROM decisions_before AS d
        GROUP BY event_id, round
    """,
}


def downgrade() -> None:
    """Turn them back. Reasons that were not recorded in words are lost."""
    _rename_decisions()
    made = op.create_table(
        "decisions",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", UTC, nullable=False),
        sa.CheckConstraint(
            "verdict IN ('matched', 'already_told', 'not_matched', 'preceded')", name=op.f("ck_decisions_verdict")
        ),
        sa.PrimaryKeyConstraint("event_id", "round", "position", name=op.f("pk_decisions")),
        sqlite_with_rowid=False,
    )
    rows: list[dict[str, Any]] = []
    for row in _spread():
        rows.append(row)
        if len(rows) == AT_ONCE:
            op.bulk_insert(made, rows)
            rows = []
    op.bulk_insert(made, rows)
    op.drop_table("decisions_before")
    op.drop_table("routes_versions")
    _unpack_bodies()
    op.drop_column("deliveries", "body_dictionary")


def _unpack_bodies() -> None:
    """Store compressed bodies as they are again."""
    rows = sa.table(
        "deliveries",
        sa.column("id", sa.Uuid()),
        sa.column("body", sa.LargeBinary()),
        sa.column("body_dictionary", sa.SmallInteger()),
    )
    some = sa.select(rows).where(rows.c.body_dictionary.is_not(None)).limit(AT_ONCE)
    while packed := op.get_bind().execute(some).all():
        for row in packed:
            body = unpack(bytes(row.body), row.body_dictionary)
            op.execute(sa.update(rows).where(rows.c.id == row.id).values(body=body, body_dictionary=None))


def _rename_decisions() -> None:
    op.rename_table("decisions", "decisions_before")
    if op.get_bind().dialect.name == "postgresql":  # else the name is taken
        op.execute("ALTER INDEX pk_decisions RENAME TO pk_decisions_before")


def _spread() -> Iterator[dict[str, Any]]:
    """Yield a row for each route of each judgment."""
    before = sa.table(
        "decisions_before",
        *(sa.column(name) for name in ("round", "routes_version", "verdicts")),
        sa.column("event_id", sa.Uuid()),
        sa.column("notes", sa.JSON()),
        sa.column("decided_at", UTC),
    )
    versions = sa.table("routes_versions", sa.column("id"), sa.column("routes", sa.JSON()))
    known = op.get_bind().execute(sa.select(versions.c.id, versions.c.routes))
    routes_of = {version.id: version.routes for version in known}
    every = sa.select(before).execution_options(yield_per=AT_ONCE)
    for judged in op.get_bind().execute(every).mappings():
        routes = routes_of.get(judged["routes_version"], [])
        texts = (judged["notes"] or {}).get("texts") or [[one["name"], one["receiver"], NO_REASON] for one in routes]
        verdicts = dict(_read_verdicts(judged["verdicts"]))
        for position, (route, receiver, reason) in enumerate(texts):
            yield {
                **{name: judged[name] for name in ("event_id", "round", "decided_at")},
                "position": position,
                "route": route,
                "receiver": receiver,
                "verdict": verdicts.get(position, "not_matched"),
                "reason": reason,
            }


def _read_verdicts(text: str) -> Iterator[tuple[int, str]]:
    verdict_of: Mapping[str, str] = {letter: verdict for verdict, letter in LETTERS.items()}
    for run in text.split():
        first, _, last = run[1:].partition("-")
        yield from ((position, verdict_of[run[0]]) for position in range(int(first), int(last or first) + 1))
