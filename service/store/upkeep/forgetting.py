"""Forget a person: blank the fields that name them, and seal that this was done.

Tables are read page by page, each in a transaction of its own; what was interrupted is done by a second run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from re import Pattern
from secrets import token_bytes
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Column, String, Table, delete, insert, literal, select, tuple_, update

from service.db.tables import (
    Transaction,
    deliveries,
    events,
    metadata,
    names,
    saved_views,
    seal_blankings,
    sealed_rows,
)
from service.seal_chain import blanking_hash, row_hash
from service.store.audit import seals
from service.store.audit.seal_stream import blanking_json
from service.store.audit.sealed_tables import SEALED, SealedTable
from service.store.bodies import pack, unpack_for_display
from service.store.rows import Row
from service.store.search import search_terms
from service.store.upkeep.blanking import Blanker

PAGE = 200
BLANKED: Mapping[str, Sequence[str]] = {
    "deliveries": ("headers", "body", "reason"),
    "events": ("commit_subject", "commit_author_name", "commit_author_email", "actor_id", "actor_login", "actor_name"),
    "details": ("body",),
    "decisions": ("notes",),
    "notifications": ("reason", "title", "words"),
    "attempts": ("reason", "receipt", "title", "words"),
    "actions": ("who", "reason"),
    "alarms": ("sentence",),
    "incidents": ("taken_by", "taken_note", "class_by"),
    "known_problems": ("title", "owner", "added_by", "closed_by"),
    "silences": ("who", "comment", "expired_by"),
    "sessions": ("user_name", "groups", "user_agent"),
    "refusals": ("reason", "user_agent"),
    "spans": ("facts",),
    "holds": ("approved_by",),
    "guard_changes": ("before", "after", "sentence"),
}
"""The columns in which people are named.

In other columns a name is one of a thing, and stays.
"""

DELETED = {names.name: names.c.folded, saved_views.name: saved_views.c.owner}
"""Tables whose rows are deleted where this column names the person."""

OWN = frozenset({"seals", "sealed_rows", "seal_removals", "seal_blankings"})
TABLES: Sequence[Table] = [table for table in metadata.sorted_tables if table.name not in OWN]


@dataclass(kw_only=True)
class Forgotten:
    """The numbers of rows that were blanked, deleted and left, by table or column.

    refused   sealed rows that had been changed before: to blank them would hide that
    """

    blanked: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    def add(self, other: "Forgotten") -> None:
        """Add what was found on another page."""
        self.blanked.update(other.blanked)
        self.deleted.update(other.deleted)
        self.left.update(other.left)
        self.refused += other.refused


@dataclass(frozen=True, kw_only=True)
class Order:
    """An order to forget a person: the words that name them, who gave it, and when."""

    pattern: Pattern[str]
    who: str
    at: datetime


Place = tuple[Any, ...] | None


def look(transaction: Transaction, table: Table, pattern: Pattern[str], place: Place) -> tuple[Forgotten, Place]:
    """Return what a page of a table has of a person, and the place to go on."""
    found, page = Forgotten(), _page(transaction, table, place)
    for row in page:
        _examine(table, row, pattern, found)
    return found, _end_of(table, page)


def blank(transaction: Transaction, table: Table, order: Order, place: Place) -> tuple[Forgotten, Place]:
    """Blank what a page of a table has of a person; return it with its end."""
    sealed = next((one for one in SEALED if one.table is table), None)
    if sealed is not None:
        seals.lock(transaction)
    found, page = Forgotten(), _page(transaction, table, place, for_update=True)
    examined = [(row, _examine(table, row, order.pattern, found)) for row in page]
    changed = [(row, values) for row, values in examined if values]
    if sealed is not None and changed:
        changed = _seal(transaction, sealed, changed, found, order=order)
    _write(transaction, table, changed)
    return found, _end_of(table, page)


def _page(transaction: Transaction, table: Table, place: Place, *, for_update: bool = False) -> Sequence[Row]:
    key = list(table.primary_key)
    wanted = select(table).order_by(*key).limit(PAGE)
    if place is not None:
        parts = [literal(part, column.type) for part, column in zip(place, key, strict=True)]
        wanted = wanted.where(tuple_(*key) > tuple_(*parts))
    return transaction.execute(wanted.with_for_update() if for_update else wanted).mappings().all()


def _end_of(table: Table, page: Sequence[Row]) -> Place:
    return tuple(page[-1][column.name] for column in table.primary_key) if len(page) == PAGE else None


def _examine(table: Table, row: Row, pattern: Pattern[str], found: Forgotten) -> dict[str, Any]:
    """Return the new values of a row: none if it stays, all if it is to go."""
    if table.name in DELETED and _is_theirs(table, row, pattern):
        found.deleted[table.name] += 1
        return dict(row)
    values: dict[str, Any] = {}
    for column in table.c:
        blanker = Blanker(pattern=pattern)
        if column.name not in BLANKED.get(table.name, ()):
            _count_left(column, row, pattern, found)
            continue
        new = _blanked(table, column, row, blanker)
        if blanker.blanked:
            values |= new
        if blanker.kept:
            found.left[f"{table.name}.{column.name}"] += 1
    found.blanked[table.name] += bool(values)
    return values


def _is_theirs(table: Table, row: Row, pattern: Pattern[str]) -> bool:
    """Tell whether a row is a suggestion of a person's name, or their view."""
    is_of_people = table is not names or row["field"] in {"actor", "author"}
    return is_of_people and pattern.fullmatch(row[DELETED[table.name].name]) is not None


def _blanked(table: Table, column: Column[Any], row: Row, blanker: Blanker) -> dict[str, Any]:
    """Return the values of a column without the words."""
    value = row[column.name]
    if value is None:
        return {}
    if table is deliveries and column.name == "body":
        body, dictionary = pack(blanker.in_body(unpack_for_display(bytes(value), row["body_dictionary"])))
        return {"body": body, "body_dictionary": dictionary}
    return {column.name: blanker.in_value(value) if isinstance(column.type, JSON) else blanker.in_text(value)}


def _count_left(column: Column[Any], row: Row, pattern: Pattern[str], found: Forgotten) -> None:
    """Count a row whose column names the person, and is not blanked."""
    value = row[column.name]
    if value is None or not isinstance(column.type, String | JSON):
        return
    blanker = Blanker(pattern=pattern)
    blanker.in_value(value)
    if blanker.blanked or blanker.kept:
        found.left[str(column)] += 1


def _seal(
    transaction: Transaction,
    sealed: SealedTable,
    changed: Sequence[tuple[Row, dict[str, Any]]],
    found: Forgotten,
    *,
    order: Order,
) -> list[tuple[Row, dict[str, Any]]]:
    """Seal the change of rows; return those that may be changed."""
    number = seals.next_number(transaction)
    allowed: list[tuple[Row, dict[str, Any]]] = []
    blankings: list[dict[str, Any]] = []
    for row, values in changed:
        entry = _entry(transaction, sealed, row)
        if entry is None:  # not sealed yet: it will be as it is then
            allowed.append((row, values))
        elif row_hash(sealed.to_json(row), bytes(entry["salt"])) != entry["expected"]:
            found.blanked[sealed.table.name] -= 1
            found.refused.append(f"{sealed.table.name} {' '.join(map(str, sealed.shown_key(sealed.key_of(row))))}")
        else:
            allowed.append((row, values))
            blankings.append(_blanking(transaction, sealed, {**row, **values}, entry) | {"seal": number})
    hashes = [blanking_hash(blanking_json(one)) for one in blankings]
    # also without any: a batch of new rows that was read before is not sealed as it was
    seals.append(transaction, kind="blanking", hashes=hashes, now=order.at, count=len(hashes), who=order.who)
    if blankings:
        transaction.execute(insert(seal_blankings), blankings)
    return allowed


def _entry(transaction: Transaction, sealed: SealedTable, row: Row) -> dict[str, Any] | None:
    """Return salt and expected hash of a sealed row; None if it is not sealed."""
    key = (sealed.number, *sealed.key_of(row))
    place = tuple_(sealed_rows.c.table_number, sealed_rows.c.row_id, sealed_rows.c.row_number)
    wanted = select(sealed_rows.c.hash, sealed_rows.c.salt).where(place == _literals(key))
    entry = transaction.execute(wanted).mappings().first()
    if entry is None:
        return None
    before = tuple_(seal_blankings.c.table_number, seal_blankings.c.row_id, seal_blankings.c.row_number)
    last = select(seal_blankings.c.new).where(before == _literals(key)).order_by(seal_blankings.c.seal.desc()).limit(1)
    new = transaction.execute(last).scalar()
    return {"salt": entry["salt"], "expected": bytes(entry["hash"] if new is None else new)}


def _literals(key: tuple[int, UUID, int]) -> Any:
    columns = (sealed_rows.c.table_number, sealed_rows.c.row_id, sealed_rows.c.row_number)
    return tuple_(*(literal(part, column.type) for part, column in zip(key, columns, strict=True)))


def _blanking(
    transaction: Transaction, sealed: SealedTable, row: Mapping[str, Any], entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Give a row another salt, so that no guess can be compared with its old hash."""
    salt, (row_id, row_number) = token_bytes(seals.SALT_BYTES), sealed.key_of(row)
    place = (sealed_rows.c.table_number == sealed.number, sealed_rows.c.row_id == row_id)
    transaction.execute(update(sealed_rows).where(*place, sealed_rows.c.row_number == row_number).values(salt=salt))
    return {
        "table_number": sealed.number,
        "row_id": row_id,
        "row_number": row_number,
        "old": entry["expected"],
        "new": row_hash(sealed.to_json(row), salt),
    }


def _write(transaction: Transaction, table: Table, changed: Sequence[tuple[Row, dict[str, Any]]]) -> None:
    """Write the new values, and the search terms of events."""
    for row, values in changed:
        place = [column == row[column.name] for column in table.primary_key]
        if table.name in DELETED:
            transaction.execute(delete(table).where(*place))
            continue
        if table is events:
            _write_event(transaction, row, values)
        else:
            transaction.execute(update(table).where(*place).values(**values))


def _write_event(transaction: Transaction, row: Row, values: Mapping[str, Any]) -> None:
    """Write the new values of an event, and the terms by which it is found now."""
    new = {**row, **values}
    search_terms.forget(transaction, [row["id"]])
    if transaction.dialect.name != "sqlite":
        new["terms"] = search_terms.numbers_of(search_terms.terms_of(new), row["place"])
    changed = {name: new[name] for name in (*values, "terms")}
    transaction.execute(update(events).where(events.c.id == row["id"]).values(**changed))
    search_terms.put(transaction, [new])
