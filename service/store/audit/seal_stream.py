"""Seals and rows, one by one, in the encoding of the chain."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import literal, or_, select, tuple_

from service.db.tables import Transaction, seal_blankings, seal_removals, sealed_rows, seals
from service.store.audit.sealed_tables import BY_NUMBER, SEALED, SealedTable
from service.store.audit.seals import matches, to_json
from service.store.audit.unreadable_rows import UNREADABLE, one_by_one
from service.store.rows import Row

PAGE = 500


def read_seals(transaction: Transaction, *, first: int = 1, last: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield every seal, in order, with what it says of removed and blanked rows.

    first, last   the numbers of those that are wanted; None: up to the newest
    """
    number = first - 1
    while True:
        wanted = select(seals).where(seals.c.number > number).order_by(seals.c.number).limit(PAGE)
        if last is not None:
            wanted = wanted.where(seals.c.number <= last)
        page = transaction.execute(wanted).mappings().all()
        if not page:
            return
        begin, number = page[0]["number"], page[-1]["number"]
        removals, blankings = _removals(transaction, begin, number), _blankings(transaction, begin, number)
        for row in page:
            others = {"removals": removals.get(row["number"]), "blankings": blankings.get(row["number"])}
            yield to_json(row) | {name: found for name, found in others.items() if found}


def _removals(transaction: Transaction, first: int, last: int) -> Mapping[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    wanted = select(seal_removals).where(seal_removals.c.seal.between(first, last))
    for row in transaction.execute(wanted.order_by(seal_removals.c.seal, seal_removals.c.from_seal)).mappings():
        found[row["seal"]].append({name: row[name] for name in ("from_seal", "count", "digest")})
    return found


def _blankings(transaction: Transaction, first: int, last: int) -> Mapping[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    wanted = select(seal_blankings).where(seal_blankings.c.seal.between(first, last))
    for row in transaction.execute(wanted.order_by(*seal_blankings.primary_key)).mappings():
        found[row["seal"]].append(blanking_json(row))
    return found


def blanking_json(row: Row) -> dict[str, Any]:
    """Return a row of ``seal_blankings`` in the encoding of the chain."""
    return _named(row) | {"old": bytes(row["old"]).hex(), "new": bytes(row["new"]).hex()}


def _named(row: Row) -> dict[str, Any]:
    """Return the table and key of a row of ``sealed_rows``."""
    sealed = BY_NUMBER.get(row["table_number"])
    key = (row["row_id"], row["row_number"])
    if sealed is None:
        return {"table": f"table {row['table_number']}", "key": [str(key[0]), key[1]]}
    return {"table": sealed.table.name, "key": sealed.shown_key(key)}


def read_rows(transaction: Transaction) -> Iterator[dict[str, Any]]:
    """Yield every row that is sealed or should be, then the sealed ones that are gone."""
    for sealed in SEALED:
        yield from _rows_of(transaction, sealed)
    yield from _gone(transaction)


_ENTRY = (sealed_rows.c.seal, sealed_rows.c.hash.label("sealed_hash"), sealed_rows.c.salt, sealed_rows.c.removed_in)


def _rows_of(transaction: Transaction, sealed: SealedTable) -> Iterator[dict[str, Any]]:
    wanted = select(*sealed.columns, *_ENTRY).join_from(sealed.table, sealed_rows, matches(sealed), isouter=True)
    if sealed.is_final is not None:
        wanted = wanted.where(or_(sealed.is_final, sealed_rows.c.seal.is_not(None)))
    place: tuple[object, ...] | None = None
    while True:
        beyond = wanted
        if place is not None:
            parts = [literal(part, column.type) for part, column in zip(place, sealed.key, strict=True)]
            beyond = wanted.where(tuple_(*sealed.key) > tuple_(*parts))
        try:
            page = transaction.execute(beyond.order_by(*sealed.key).limit(PAGE)).mappings().all()
            found = [_joined(sealed, row) for row in page]
        except UNREADABLE:
            if transaction.dialect.name != "sqlite":  # others keep no value of another type than their column's
                raise
            yield from one_by_one(transaction, sealed, beyond, _joined)
            return
        yield from found
        if len(page) < PAGE:
            return
        place = tuple(page[-1][column.name] for column in sealed.key)


def _joined(sealed: SealedTable, row: Row) -> dict[str, Any]:
    found = sealed.to_json(row)
    if row["seal"] is not None:
        found |= {"seal": row["seal"], "hash": bytes(row["sealed_hash"]).hex(), "salt": bytes(row["salt"]).hex()}
    return found if row["removed_in"] is None else found | {"removed_in": row["removed_in"]}


def _gone(transaction: Transaction) -> Iterator[dict[str, Any]]:
    """Yield the sealed rows of which the table has none."""
    for number in transaction.execute(select(sealed_rows.c.table_number).distinct()).scalars().all():
        sealed = BY_NUMBER.get(number)
        columns = (sealed_rows.c.table_number, sealed_rows.c.row_id, sealed_rows.c.row_number)
        wanted = select(*columns, *_ENTRY).where(sealed_rows.c.table_number == number)
        if sealed is not None:
            there = select(literal(1)).select_from(sealed.table).where(matches(sealed)).correlate(sealed_rows)
            wanted = wanted.where(~there.exists())
        yield from _pages_of_gone(transaction, wanted)


def _pages_of_gone(transaction: Transaction, wanted: Any) -> Iterator[dict[str, Any]]:
    key, place = (sealed_rows.c.row_id, sealed_rows.c.row_number), None
    while True:
        beyond = wanted
        if place is not None:
            parts = [literal(part, column.type) for part, column in zip(place, key, strict=True)]
            beyond = wanted.where(tuple_(*key) > tuple_(*parts))
        page = transaction.execute(beyond.order_by(*key).limit(PAGE)).mappings().all()
        for row in page:
            entry = {"seal": row["seal"], "hash": bytes(row["sealed_hash"]).hex()}
            removed = {} if row["removed_in"] is None else {"removed_in": row["removed_in"]}
            yield _named(row) | entry | removed
        if len(page) < PAGE:
            return
        place = (page[-1]["row_id"], page[-1]["row_number"])
