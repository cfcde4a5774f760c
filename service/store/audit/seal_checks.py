"""A check of some seals at a time: their links, roots, and rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select

from service.db.tables import Transaction, seal_blankings, sealed_rows, seals
from service.seal_chain import Checker, root_of, row_hash
from service.store.audit.seal_stream import read_seals
from service.store.audit.sealed_tables import SEALED, SealedTable
from service.store.audit.seals import matches
from service.store.audit.unreadable_rows import UNREADABLE

MAX_SEALS = 200


@dataclass(frozen=True, kw_only=True)
class SealFault:
    """A seal that does not fit, and the sentence about it."""

    seal: int
    sentence: str


@dataclass(frozen=True, kw_only=True)
class SealCheck:
    """The result of a check of the seals from one number to another, both included."""

    first: int
    last: int
    faults: tuple[SealFault, ...]


def check_seals(transaction: Transaction, first: int, *, max_rows: int) -> SealCheck | None:
    """Check seals from a number on; None if there are none.

    For a snapshot. As many as cover ``max_rows``, one at least.
    """
    last = _last_of(transaction, first, max_rows)
    if last is None:
        return None
    faults = [*_faults_of_seals(transaction, first, last)]
    try:
        faults += _faults_of_rows(transaction, first, last)
    except UNREADABLE:
        if transaction.dialect.name != "sqlite":  # others keep no value of another type than their column's
            raise
        faults.append(SealFault(seal=first, sentence=f"a row of the seals {first} to {last} cannot be read"))
    return SealCheck(first=first, last=last, faults=tuple(faults))


def hash_of(transaction: Transaction, number: int) -> str | None:
    """Return the hash that a seal has, as its row says; None if it is not there."""
    return transaction.execute(select(seals.c.hash).where(seals.c.number == number)).scalar()


def _last_of(transaction: Transaction, first: int, max_rows: int) -> int | None:
    """Return the number of the last seal of a check."""
    wanted = select(seals.c.number, seals.c.count, seals.c.kind).where(seals.c.number >= first)
    last, rows = None, 0
    for number, count, kind in transaction.execute(wanted.order_by(seals.c.number).limit(MAX_SEALS)):
        rows += count if kind == "rows" else 0
        if last is not None and rows > max_rows:
            break
        last = number
    return last


def _faults_of_seals(transaction: Transaction, first: int, last: int) -> Iterator[SealFault]:
    """Yield the seals that fit not the one before, their hash, or their rows."""
    before = next(read_seals(transaction, first=first - 1, last=first - 1), None)
    checker = Checker()
    checker.last = before or ({"number": first - 1, "hash": None} if first > 1 else None)
    found = 0
    for seal in read_seals(transaction, first=first, last=last):
        checker.add_seal(seal)
        if seal["kind"] == "rows" and _root_of(transaction, seal["number"]) != seal["root"]:
            yield SealFault(seal=seal["number"], sentence=f"seal {seal['number']} does not fit the list of its rows")
        for one in checker.findings[found:]:
            yield SealFault(seal=seal["number"], sentence=one["sentence"])
        found = len(checker.findings)


def _root_of(transaction: Transaction, number: int) -> str:
    hashes = select(sealed_rows.c.hash).where(sealed_rows.c.seal == number)
    return root_of(bytes(one) for one in transaction.execute(hashes).scalars())


def _faults_of_rows(transaction: Transaction, first: int, last: int) -> Iterator[SealFault]:
    """Yield the rows that were changed or removed since, but by retention."""
    blanked = _blanked(transaction, first, last)
    for sealed in SEALED:
        for row in transaction.execute(_covered(sealed, first, last)).mappings():
            key = (row["entry_id"], row["entry_number"])
            name = f"{sealed.table.name} {' '.join(map(str, sealed.shown_key(key)))}"
            expected = blanked.get((sealed.number, *key), bytes(row["sealed_hash"]))
            if row[sealed.key[0].name] is None:
                yield SealFault(seal=row["seal"], sentence=f"{name} was removed; seal {row['seal']} covers it")
            elif row_hash(sealed.to_json(row), bytes(row["salt"])) != expected:
                yield SealFault(seal=row["seal"], sentence=f"{name} was changed after seal {row['seal']}")


def _covered(sealed: SealedTable, first: int, last: int) -> Select[Any]:
    """Return the query for the sealed rows of a table, NULL where one is gone."""
    entry = (
        sealed_rows.c.row_id.label("entry_id"),
        sealed_rows.c.row_number.label("entry_number"),
        sealed_rows.c.seal,
        sealed_rows.c.hash.label("sealed_hash"),
        sealed_rows.c.salt,
    )
    joined = select(*sealed.columns, *entry).join_from(sealed_rows, sealed.table, matches(sealed), isouter=True)
    is_covered = sealed_rows.c.seal.between(first, last) & (sealed_rows.c.table_number == sealed.number)
    return joined.where(is_covered, sealed_rows.c.removed_in.is_(None))


def _blanked(transaction: Transaction, first: int, last: int) -> Mapping[tuple[int, UUID, int], bytes]:
    """Return the hashes that rows have since `roundsman forget` blanked them."""
    place = (seal_blankings.c.table_number, seal_blankings.c.row_id, seal_blankings.c.row_number)
    joined = select(*place, seal_blankings.c.new).join(
        sealed_rows,
        and_(
            sealed_rows.c.table_number == seal_blankings.c.table_number,
            sealed_rows.c.row_id == seal_blankings.c.row_id,
            sealed_rows.c.row_number == seal_blankings.c.row_number,
        ),
    )
    wanted = joined.where(sealed_rows.c.seal.between(first, last)).order_by(seal_blankings.c.seal)
    return {(number, row_id, row_number): bytes(new) for number, row_id, row_number, new in transaction.execute(wanted)}
