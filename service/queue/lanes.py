"""Paused lanes: no job of a closed lane begins, on any machine, until it opens.

There is one row for each lane that was ever closed, so that all workers of a database keep one pace.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, select

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, lanes
from service.store.rows import insert_or_replace

CLOCKS_DIFFER_BY = timedelta(minutes=1)
OPENS_AT = select(lanes.c.opens_at).where(
    lanes.c.lane == bindparam("lane"),
    lanes.c.opens_at > bindparam("now", type_=UtcDateTime),
    lanes.c.closed_at <= bindparam("latest", type_=UtcDateTime),
)

NEXT_OPENING = select(func.min(lanes.c.opens_at)).where(
    lanes.c.opens_at > bindparam("now", type_=UtcDateTime), lanes.c.closed_at <= bindparam("latest", type_=UtcDateTime)
)
"""The next time at which any closed lane opens; None if all are open."""


def close(transaction: Transaction, lane: str, *, since: datetime, until: datetime) -> None:
    """Close a lane until a time, and replace an earlier closing."""
    row = {"lane": lane, "closed_at": since, "opens_at": until}
    insert_or_replace(transaction, lanes, row, key="lane")


def asked_at(lane: str, now: datetime) -> dict[str, Any]:
    """Return the parameters of ``OPENS_AT``."""
    return {"lane": lane, "now": now, "latest": max_plausible_close(now)}


def is_closed(lane: ColumnElement[str], now: datetime) -> ColumnElement[bool]:
    """Return a condition: a lane is closed."""
    return select(lanes.c.lane).where(lanes.c.lane == lane, *_closed(now)).exists()


def opens_at(transaction: Transaction, lane: str, now: datetime) -> datetime | None:
    """Return the time at which a closed lane opens; None if it is open."""
    found: datetime | None = transaction.execute(OPENS_AT, asked_at(lane, now)).scalar()
    return found


def max_plausible_close(now: datetime) -> datetime:
    """Return the latest believable time of a closing.

    A closing in the future was recorded before the clock was set back, and would last for far too long: it is ignored.
    """
    return now + CLOCKS_DIFFER_BY


def _closed(now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return lanes.c.opens_at > now, lanes.c.closed_at <= max_plausible_close(now)
