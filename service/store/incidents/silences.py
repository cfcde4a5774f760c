"""Silences, as rows."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import bindparam, delete, insert, select, update

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, silences
from service.errors import NotFound
from service.model import Matcher, Silence
from service.store.cursors import SortKey
from service.store.rows import Row

MATCHERS = TypeAdapter(tuple[Matcher, ...])
_NEWEST_FIRST = select(silences).order_by(silences.c.ends_at.desc(), silences.c.id.desc())
_UNEXPIRED = _NEWEST_FIRST.where(silences.c.ends_at > bindparam("now", type_=UtcDateTime))


def put(transaction: Transaction, silence: Silence) -> None:
    """Insert a silence."""
    row = {**vars(silence), "matchers": [asdict(matcher) for matcher in silence.matchers]}
    transaction.execute(insert(silences).values(**row))


def find(transaction: Transaction, silence_id: UUID) -> Silence:
    """Return a silence. Raises NotFound."""
    found = transaction.execute(select(silences).where(silences.c.id == silence_id)).mappings().first()
    if found is None:
        raise NotFound(f"there is no silence {silence_id}; ids are in `roundsman silences list`")
    return _to_silence(found)


def unexpired(transaction: Transaction, now: datetime) -> Sequence[Silence]:
    """Return the silences that have not ended, those that end last first."""
    found = transaction.execute(_UNEXPIRED, {"now": now}).mappings()
    return [_to_silence(row) for row in found]


def expired(transaction: Transaction, now: datetime, *, limit: int, beyond: SortKey | None = None) -> Sequence[Silence]:
    """Return silences that have ended, the last one first.

    beyond   only those after this place of the list, which goes by ``ends_at``
    """
    wanted = _NEWEST_FIRST.where(silences.c.ends_at <= now).limit(limit)
    if beyond is not None:
        wanted = wanted.where(
            (silences.c.ends_at < beyond.at) | ((silences.c.ends_at == beyond.at) & (silences.c.id < beyond.id))
        )
    return [_to_silence(row) for row in transaction.execute(wanted).mappings()]


def expire(transaction: Transaction, silence_id: UUID, now: datetime, *, who: str) -> bool:
    """End a silence now; False if it has ended. One that has not begun never does."""
    ending = (
        update(silences)
        .where(silences.c.id == silence_id, silences.c.ends_at > now)
        .values(ends_at=now, expired_by=who)
        .returning(silences.c.id)
    )
    return transaction.execute(ending).first() is not None


def prune(transaction: Transaction, *, before: datetime) -> int:
    """Delete the silences that ended before a time; return their number."""
    old = delete(silences).where(silences.c.ends_at < before).returning(silences.c.id)
    return len(transaction.execute(old).all())


def _to_silence(row: Row) -> Silence:
    return Silence(**{**row, "matchers": MATCHERS.validate_python(row["matchers"])})
