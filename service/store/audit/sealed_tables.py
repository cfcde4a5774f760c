"""The tables that the audit chain covers, and their columns that never change.

A table is covered by one entry in ``SEALED``. Numbers are of the chain: none is used again, or for another table. A
column that is added later may be named, if it is NULL in all rows that are there: the encoding leaves it out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Column, ColumnElement, Table

from service.db.tables import (
    actions,
    attempts,
    decisions,
    deliveries,
    events,
    guard_changes,
    is_unsettled,
    routes_versions,
)
from service.model import DeliveryState, Outcome
from service.store import usual_values
from service.store.bodies import unpack_for_display
from service.store.rows import Row

NO_ID = UUID(int=0)
"""The ``row_id`` of rows whose key is a number."""


@dataclass(frozen=True, kw_only=True)
class SealedTable:
    """A table whose rows are sealed.

    row_id    the column of its key that is an id; ``row_number`` the one that is a number; None: it has none
    time      the column of the row's time, by which new ones are found
    columns   those that never change
    is_final  the rows that will not change any more; None: all
    content   from a row to the values of these columns, where they are stored in another form
    """

    number: int
    table: Table
    row_id: Column[Any] | None
    row_number: Column[Any] | None = None
    time: Column[Any]
    columns: Sequence[Column[Any]]
    is_final: ColumnElement[bool] | None = None
    content: Callable[[Row], Mapping[str, Any]] | None = None

    @property
    def key(self) -> list[Column[Any]]:
        """The columns of the key."""
        return [column for column in (self.row_id, self.row_number) if column is not None]

    def key_of(self, row: Row) -> tuple[UUID, int]:
        """Return the key of a row as ``sealed_rows`` has it."""
        id_ = NO_ID if self.row_id is None else row[self.row_id.name]
        return id_, 0 if self.row_number is None else row[self.row_number.name]

    def shown_key(self, key: tuple[UUID, int]) -> list[str | int]:
        """Return a key as the chain's encoding has it."""
        parts = ((self.row_id, str(key[0])), (self.row_number, key[1]))
        return [part for column, part in parts if column is not None]

    def to_json(self, row: Row) -> dict[str, Any]:
        """Return a row in the encoding of the chain, without its hash."""
        content = self.content(row) if self.content else {column.name: row[column.name] for column in self.columns}
        return {
            "table": self.table.name,
            "key": self.shown_key(self.key_of(row)),
            "time": rfc3339(row[self.time.name]),
            "row": {name: _plain(value) for name, value in content.items() if value is not None},
        }


def rfc3339(at: datetime) -> str:
    """Return a time as the chain's encoding has it, to the microsecond."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: object) -> Any:
    match value:
        case datetime():
            return rfc3339(value)
        case UUID():
            return str(value)
        case _:
            return value


def _delivery(row: Row) -> Mapping[str, Any]:
    """Return a delivery as it was received.

    Its headers are whole, and its body is plain where it is text.
    """
    body = unpack_for_display(bytes(row["body"]), row["body_dictionary"])
    names = ("id", "source", "source_event_id", "via", "received_at", "signed_index", "signed_fingerprint")
    headers = [list(header) for header in usual_values.restore_headers(row["headers"])]
    try:
        plain: dict[str, Any] = {"body": body.decode()}
    except UnicodeDecodeError:
        plain = {"body_base64": body}
    return {name: row[name] for name in names} | {"headers": headers} | plain


def _decision(row: Row) -> Mapping[str, Any]:
    """Return a decision without the event in its notes, which a later replay adds."""
    names = ("event_id", "round", "routes_version", "verdicts", "is_told", "absent_facts", "decided_at", "run")
    notes = {name: value for name, value in (row["notes"] or {}).items() if name != "event"}
    return {name: row[name] for name in names} | {"notes": notes or None}


SEALED: Sequence[SealedTable] = (
    SealedTable(
        number=1,
        table=deliveries,
        row_id=deliveries.c.id,
        time=deliveries.c.received_at,
        columns=[
            *(deliveries.c[name] for name in ("id", "source", "source_event_id", "via", "received_at", "headers")),
            *(deliveries.c[name] for name in ("body", "body_dictionary", "signed_index", "signed_fingerprint")),
        ],
        content=_delivery,
    ),
    SealedTable(
        number=2,
        table=decisions,
        row_id=decisions.c.event_id,
        row_number=decisions.c.round,
        time=decisions.c.decided_at,
        columns=list(decisions.c),
        content=_decision,
    ),
    SealedTable(
        number=3,
        table=attempts,
        row_id=attempts.c.notification_id,
        row_number=attempts.c.number,
        time=attempts.c.ended_at,
        columns=list(attempts.c),
        # an interrupted one may turn out to have been sent
        is_final=attempts.c.ended_at.is_not(None) & attempts.c.outcome.not_in([Outcome.SENDING, Outcome.INTERRUPTED]),
    ),
    SealedTable(
        number=4,
        table=actions,
        row_id=actions.c.id,
        time=actions.c.at,
        columns=[actions.c[name] for name in ("id", "verb", "subject_id", "who", "at", "reason")],
    ),
    SealedTable(
        number=5,
        table=routes_versions,
        row_id=None,
        row_number=routes_versions.c.id,
        time=routes_versions.c.seen_at,
        columns=[routes_versions.c[name] for name in ("id", "digest", "routes", "seen_at")],
        content=lambda row: {name: row[name] for name in ("id", "digest", "routes")},
    ),
    SealedTable(
        number=6,
        table=guard_changes,
        row_id=guard_changes.c.id,
        time=guard_changes.c.at,
        columns=list(guard_changes.c),
    ),
)
"""The tables that seals cover."""

BY_NUMBER = {one.number: one for one in SEALED}

UNSETTLED = [state for state in DeliveryState if state is not DeliveryState.SETTLED]

FOUND_BY = {
    # settled deliveries by their events, which have an index of the time; the others have one of their own
    deliveries.name: (
        (events.c.received_at, events.c.id == deliveries.c.id),
        (deliveries.c.received_at, is_unsettled & deliveries.c.state.in_(UNSETTLED)),
    )
}
"""The ways by which new rows are found where the time has no index of its own.

Each is a time that has one, and a condition.
"""
