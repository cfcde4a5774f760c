"""Rows that retention deletes: the chain says which, so that none is missed."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, insert, select, tuple_, update

from service.db.tables import Transaction, seal_removals, sealed_rows
from service.seal_chain import removal_hash, root_of
from service.store.audit import seals
from service.store.audit.sealed_tables import SEALED

CHUNK = 200  # keys in one statement: SQLite takes not too many parameters

Removal = tuple[Column[Any], Collection[Any]]
"""A column, and the values in it of the rows that are deleted."""


def seal_removal(transaction: Transaction, removals: Sequence[Removal], *, before: datetime, now: datetime) -> None:
    """Mark rows as removed by retention, and seal that, before they are deleted.

    Rows that no seal covers are removed without a word. The caller took the lock of the chain first.
    """
    removed_in = seals.next_number(transaction)
    by_seal: dict[int, list[bytes]] = defaultdict(list)
    for column, values in removals:
        for seal, hash_ in _mark(transaction, column, list(values), removed_in):
            by_seal[seal].append(hash_)
    rows = [
        {"seal": removed_in, "from_seal": seal, "count": len(hashes), "digest": root_of(hashes)}
        for seal, hashes in sorted(by_seal.items())
    ]
    if not rows and not any(values for _, values in removals):
        return
    count = sum(map(len, by_seal.values()))
    seals.append(
        transaction, kind="retention", hashes=[removal_hash(row) for row in rows], now=now, count=count, before=before
    )
    if rows:
        transaction.execute(insert(seal_removals), rows)


def _mark(
    transaction: Transaction, column: Column[Any], values: Sequence[Any], removed_in: int
) -> list[tuple[int, bytes]]:
    """Mark the sealed rows of a table; return seal and hash of each."""
    sealed = next((one for one in SEALED if one.table is column.table), None)
    marked: list[tuple[int, bytes]] = []
    if sealed is None:
        return marked
    for start in range(0, len(values), CHUNK):
        chosen = select(*sealed.key).where(column.in_(values[start : start + CHUNK]))
        keys = [sealed.key_of(row) for row in transaction.execute(chosen).mappings()]
        for first in range(0, len(keys), CHUNK):
            marking = (
                update(sealed_rows)
                .where(
                    sealed_rows.c.table_number == sealed.number,
                    tuple_(sealed_rows.c.row_id, sealed_rows.c.row_number).in_(keys[first : first + CHUNK]),
                    sealed_rows.c.removed_in.is_(None),
                )
                .values(removed_in=removed_in)
                .returning(sealed_rows.c.seal, sealed_rows.c.hash)
            )
            marked += [(seal, bytes(hash_)) for seal, hash_ in transaction.execute(marking)]
    return marked
