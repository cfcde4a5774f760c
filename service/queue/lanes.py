"""Lanes that rest: none of a closed lane's jobs is begun, on whichever machine, until it opens.

One row for each lane that ever rested, so that all workers of a database keep one pace.
"""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select

from service.db.tables import Transaction, lanes
from service.store.rows import insert_or_replace

CLOCKS_DIFFER_BY = timedelta(minutes=1)


def close(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
    """Close a lane for a time, whatever was said of it before."""
    row = {"lane": lane, "closed_at": since, "opens_at": until}
    insert_or_replace(transaction, lanes, row, key="lane")


def is_closed(lane: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """A test that a lane rests."""
    return select(lanes.c.lane).where(lanes.c.lane == lane, *_closed(now)).exists()


def opens_at(transaction: Transaction, lane: str, now: datetime) -> datetime | None:
    """When a lane opens that is closed now; None when it is open."""
    opening = select(lanes.c.opens_at).where(lanes.c.lane == lane, *_closed(now))
    found: datetime | None = transaction.execute(opening).scalar()
    return found


def next_opening(transaction: Transaction, now: datetime) -> datetime | None:
    """When the next of all closed lanes opens; None when all are open."""
    found: datetime | None = transaction.execute(select(func.min(lanes.c.opens_at)).where(*_closed(now))).scalar()
    return found


def latest(now: datetime) -> datetime:
    """What was closed after this was closed before the clock was set back, and would stay so for far too long."""
    return now + CLOCKS_DIFFER_BY


def _closed(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return lanes.c.opens_at > now, lanes.c.closed_at <= latest(now)
