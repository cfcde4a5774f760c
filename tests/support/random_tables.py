"""The tables of a store, filled with random rows, for tests that ask which of them a statement concerns."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import Table, insert, select

from service.db.tables import (
    Transaction,
    actions,
    alarms,
    fetches,
    heartbeats,
    holds,
    incidents,
    insights,
    sessions,
    silences,
    spans,
    told,
    tracks,
)
from service.model import AlarmKind, Closing, Color, FetchPurpose, Role
from service.model.insights import InsightKind
from service.model.spans import SpanLevel
from service.model.tracks import IncidentClass
from service.model.users import CredentialKind
from tests.support.random_rows import IDS, NOW, RandomRows

Row = Any
BRANCHES = ("main", "dev", "fix/a", None)
FILLED: dict[Table, tuple[int, dict[str, Any]]] = {
    actions: (40, {"verb": ("replay", "resend"), "subject_id": IDS}),
    alarms: (8, {"kind": tuple(AlarmKind), "key": [f"key {number}" for number in range(99)]}),
    fetches: (60, {"purpose": tuple(FetchPurpose)}),
    heartbeats: (40, {"role": tuple(Role), "secrets": (None, [], ["a"], ["b"]), "channels": ("a", "b", None)}),
    holds: (40, {"job_id": [f"job {number}" for number in range(999)], "pipeline_id": ("a", "b")}),
    incidents: (
        120,
        {
            "track_id": range(1, 6),
            "closed_because": (None, None, *Closing),
            "klass": (None, *IncidentClass),
            "merged_into": (None, None, IDS[0]),
        },
    ),
    insights: (60, {"kind": tuple(InsightKind)[:2], "facts": ({"a": 1},)}),
    sessions: (60, {"kind": tuple(CredentialKind), "groups": ([], None), "ended_at": (None, NOW)}),
    silences: (40, {"matchers": ([],)}),
    spans: (120, {"level": tuple(SpanLevel), "result": ("success", "failed"), "facts": ({},), "workflow_id": IDS}),
    told: (99, {"track_id": range(1, 8), "channel_key": [f"key {number}" for number in range(9)], "color": [*Color]}),
    tracks: (
        120,
        {
            "project_slug": ("gh/a/x", "github/a/x", "gh/a/y", None),
            "project_name": ("x", "y", None),
            "workflow": ("build", "lint", None),
            "branch": BRANCHES,
            "posted_default": ("main", None),
            "own_default": ("dev", None, None),
            "color": (*Color, None),
        },
    ),
}
KEYS = {alarms: "key", holds: "job_id", heartbeats: "process", fetches: "event_id"}


def fill(transaction: Transaction) -> None:
    """Put random rows into these tables."""
    source = RandomRows()
    for table, (count, values) in FILLED.items():
        rows = source.rows(table, count, **values)
        transaction.execute(insert(table), without_repeats(table, rows))


def without_repeats(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with different keys; each track has a digest of its own."""
    if table is tracks:
        return [row | {"digest": UUID(int=row["id"])} for row in rows]
    keys = [column.name for column in table.primary_key]
    return list({tuple(row[name] for name in keys): row for row in rows}.values())


def key_of(table: Table) -> str:
    return KEYS.get(table, "id")


def keys_of(transaction: Transaction, table: Table) -> list[Any]:
    return list(transaction.execute(select(table.c[key_of(table)])).scalars())


def rows_of(transaction: Transaction, table: Table) -> list[Row]:
    return [SimpleNamespace(**row) for row in transaction.execute(select(table)).mappings()]
