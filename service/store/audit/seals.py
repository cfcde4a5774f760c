"""The chain of seals, each of which holds the hash of the one before.

New rows are sealed in batches.

Hashes are made in a snapshot, and written if the chain did not grow meanwhile: retention and `roundsman forget`, which
change sealed rows, add a seal in their own transactions. A row is new if ``sealed_rows`` does not have it,
and its id and time are of no account: one that is committed late is sealed by the next seal.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, literal, select, text, true

from service.db.tables import Transaction, sealed_rows, seals
from service.model import Seal
from service.seal_chain import FIRST, LATE_BY, root_of, row_hash, seal_hash
from service.store.audit.sealed_tables import FOUND_BY, NO_ID, SEALED, SealedTable, rfc3339
from service.store.rows import Row

UNCOVERED_FOR = timedelta(seconds=60)
"""The age below which rows may be on their way into the database.

No seal claims to cover all of these."""

IDLE_EVERY = timedelta(minutes=10)
"""Without new rows a seal is made this often: it says that there are none."""

NOTHING_COVERED = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a chain that begins with a removal: the next seal covers everything."""

SALT_BYTES = 16
_LOCK = text("SELECT pg_advisory_xact_lock(748211904)")  # of the writer of the chain; any other number would do
_OLDEST_WRITER = text(
    "SELECT min(xact_start) FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """New rows, with their hashes, as rows of ``sealed_rows`` without the seal.

    after        the number of the seal that was the last when they were read
    is_complete  there were no more
    """

    after: int
    rows: Sequence[Mapping[str, Any]]
    covered_until: datetime
    is_complete: bool


def last(transaction: Transaction) -> Seal | None:
    """Return the last seal; None before the first."""
    newest = select(func.max(seals.c.number)).scalar_subquery()
    row = transaction.execute(select(seals).where(seals.c.number == newest)).mappings().first()
    if row is None:
        return None
    return Seal(**{name: row[name] for name in ("number", "hash", "sealed_at", "covered_until")})


def read_batch(transaction: Transaction, *, now: datetime, limit: int) -> Batch | None:
    """Return up to ``limit`` new rows of each table; None if no seal is due.

    For a snapshot. The time until which all is covered stays behind the oldest open transaction on Postgres, whose rows
    are not there yet.
    """
    before = last(transaction)
    claimed = _settled_until(transaction, now) - UNCOVERED_FOR
    since = min(before.covered_until, claimed) - LATE_BY if before else NOTHING_COVERED
    rows: list[Mapping[str, Any]] = []
    until = [claimed]
    for sealed in SEALED:
        found = _new_rows(transaction, sealed, since=since, limit=limit)
        rows += [_hashed(sealed, row) for row in found]
        if len(found) >= limit:
            until.append(found[-1][sealed.time.name])
    is_complete = len(until) == 1
    is_due = before is None or now - before.sealed_at >= IDLE_EVERY or before.sealed_at > now
    if not rows and not is_due:
        return None
    covered = min(until)
    if before and not is_complete:  # rows that came late are no reason to claim less than before
        covered = max(covered, min(before.covered_until, claimed))
    return Batch(after=before.number if before else 0, rows=rows, covered_until=covered, is_complete=is_complete)


def _settled_until(transaction: Transaction, now: datetime) -> datetime:
    """Return the time before which no open transaction has begun."""
    if transaction.dialect.name == "sqlite":
        return now
    oldest: datetime | None = transaction.execute(_OLDEST_WRITER).scalar()
    return min(now, oldest) if oldest else now


def matches(sealed: SealedTable) -> ColumnElement[bool]:
    """Return the condition that joins a table with ``sealed_rows``."""
    return and_(
        sealed_rows.c.table_number == literal(sealed.number),
        sealed_rows.c.row_id == (literal(NO_ID, sealed_rows.c.row_id.type) if sealed.row_id is None else sealed.row_id),
        sealed_rows.c.row_number == (literal(0) if sealed.row_number is None else sealed.row_number),
    )


def _new_rows(transaction: Transaction, sealed: SealedTable, *, since: datetime, limit: int) -> list[Row]:
    """Return rows that are not sealed, oldest first."""
    found: dict[object, Row] = {}
    for query in _queries(sealed, since):
        for row in transaction.execute(query.limit(limit)).mappings():
            found[sealed.key_of(row)] = row
    return sorted(found.values(), key=lambda row: row[sealed.time.name])[:limit]


def _queries(sealed: SealedTable, since: datetime) -> Iterator[Select[Any]]:
    is_new = ~select(sealed_rows.c.seal).where(matches(sealed)).correlate(sealed.table).exists()
    for time, condition in FOUND_BY.get(sealed.table.name, ((sealed.time, true()),)):
        wanted = select(*sealed.columns).where(condition, is_new)
        if sealed.is_final is not None:
            wanted = wanted.where(sealed.is_final)
        yield wanted.where(time >= since).order_by(time)


def _hashed(sealed: SealedTable, row: Row) -> dict[str, Any]:
    salt, (row_id, row_number) = token_bytes(SALT_BYTES), sealed.key_of(row)
    return {
        "table_number": sealed.number,
        "row_id": row_id,
        "row_number": row_number,
        "hash": row_hash(sealed.to_json(row), salt),
        "salt": salt,
    }


def append_rows(transaction: Transaction, batch: Batch, now: datetime) -> bool:
    """Seal a batch; False if the chain has grown since it was read."""
    lock(transaction)
    if next_number(transaction) != batch.after + 1:
        return False
    number = append(
        transaction,
        kind="rows",
        hashes=[row["hash"] for row in batch.rows],
        now=now,
        count=len(batch.rows),
        covered_until=batch.covered_until,
    )
    if batch.rows:
        transaction.execute(insert(sealed_rows), [{**row, "seal": number} for row in batch.rows])
    return True


def lock(transaction: Transaction) -> None:
    """Be the one writer of the chain until the transaction ends; on SQLite each is."""
    if transaction.dialect.name != "sqlite":
        transaction.execute(_LOCK)


def next_number(transaction: Transaction) -> int:
    """Return the number of the next seal."""
    return (transaction.execute(select(func.max(seals.c.number))).scalar() or 0) + 1


def append(  # noqa: PLR0913 - the fields of a seal
    transaction: Transaction,
    *,
    kind: str,
    hashes: Sequence[bytes],
    now: datetime,
    count: int,
    covered_until: datetime | None = None,
    before: datetime | None = None,
    who: str | None = None,
) -> int:
    """Add a seal to the chain, and return its number; the caller holds the lock.

    covered_until   None: as the seal before it
    """
    previous = last(transaction)
    covered = covered_until or (previous.covered_until if previous else NOTHING_COVERED)
    seal: dict[str, Any] = {
        "number": previous.number + 1 if previous else 1,
        "kind": kind,
        "previous": previous.hash if previous else FIRST,
        "root": root_of(hashes),
        "count": count,
        "sealed_at": now,
        "covered_until": covered,
        "before": before,
        "who": who,
    }
    row = {**seal, "hash": seal_hash(to_json(seal))}
    transaction.execute(insert(seals), row)
    return int(seal["number"])


def to_json(seal: Row) -> dict[str, Any]:
    """Return a row of ``seals`` in the encoding of the chain."""
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in seal.items()}
