"""Rows of the audit chain that hold what Roundsman cannot have written.

SQLite keeps any value in any column, so one who writes by hand may leave what no type of ours can read. A check must
name such a row and go on with the others: where a page of rows cannot be read, they are read one by one.
"""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, select, type_coerce
from sqlalchemy.exc import DatabaseError
from sqlalchemy.types import NULLTYPE

from service.db.tables import Transaction, sealed_rows
from service.store.audit.sealed_tables import NO_ID, SealedTable
from service.store.rows import Row

UNREADABLE = (DatabaseError, ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""The errors of reading a value of a wrong type: from the database's driver, a column's type, or this module."""

RawKey = tuple[Any, ...]


def one_by_one(
    transaction: Transaction, sealed: SealedTable, wanted: Select[Any], to_json: Callable[[SealedTable, Row], Any]
) -> Iterator[dict[str, Any]]:
    """Yield rows in the encoding of the chain; of one that cannot be read, its key."""
    raw = [type_coerce(column, NULLTYPE) for column in sealed.key]
    keys = transaction.execute(wanted.with_only_columns(*raw).order_by(*raw)).all()
    for key in map(tuple, keys):
        same = [one == type_coerce(part, NULLTYPE) for one, part in zip(raw, key, strict=True)]
        try:
            yield to_json(sealed, transaction.execute(wanted.where(and_(*same))).mappings().one())
        except UNREADABLE:
            yield _key_alone(sealed, key) | _entry(transaction, sealed, key)


def _key_alone(sealed: SealedTable, key: RawKey) -> dict[str, Any]:
    """Return a row without its content, so that it fits no hash."""
    return {"table": sealed.table.name, "key": [_shown(part) for part in key], "time": None, "row": {}}


def _shown(part: object) -> str | int:
    try:
        return part if isinstance(part, int) else str(UUID(str(part)))
    except ValueError:
        return repr(part)


def _entry(transaction: Transaction, sealed: SealedTable, key: RawKey) -> dict[str, Any]:
    """Return what a seal says of a row; nothing where none covers it."""
    row_id = NO_ID.hex if sealed.row_id is None else key[0]
    row_number = 0 if sealed.row_number is None else key[-1]
    place = ((sealed_rows.c.row_id, row_id), (sealed_rows.c.row_number, row_number))
    names = ("seal", "hash", "salt", "removed_in")
    found = select(*(type_coerce(sealed_rows.c[name], NULLTYPE).label(name) for name in names)).where(
        sealed_rows.c.table_number == sealed.number,
        *(type_coerce(column, NULLTYPE) == type_coerce(part, NULLTYPE) for column, part in place),
    )
    row = transaction.execute(found).mappings().first()
    if row is None:
        return {}
    hashes = {name: row[name].hex() if isinstance(row[name], bytes) else "" for name in ("hash", "salt")}
    return {"seal": row["seal"], **hashes} | ({} if row["removed_in"] is None else {"removed_in": row["removed_in"]})
