"""The history of one track: its last runs, and its stretches of red."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from service.db.tables import Transaction, incidents, runs
from service.model import Closing
from service.store.runs.default_tracks import StripRun

MAX_RUNS = 2_000
MAX_REDS = 500
_COLUMNS = ("id", "event_id", "track_id", "color", "transition", "created_at", "stopped_at", "pipeline_number")


@dataclass(frozen=True, kw_only=True)
class RedTime:
    """A stretch of red; ``closed_at`` is None while it lasts."""

    id: UUID
    opened_at: datetime
    closed_at: datetime | None
    closed_because: str | None
    streak: int


def latest(transaction: Transaction, track_id: int, *, is_ordered: bool) -> list[StripRun]:
    """Return the last runs of a track in its order, oldest first, at most MAX_RUNS.

    is_ordered   False: they stand alone, and are in the order of time
    """
    wanted = select(*(runs.c[name] for name in _COLUMNS)).where(runs.c.track_id == track_id)
    if is_ordered:
        wanted = wanted.where(runs.c.pipeline_number.is_not(None))
        wanted = wanted.order_by(runs.c.pipeline_number.desc(), runs.c.created_at.desc(), runs.c.id.desc())
    else:
        wanted = wanted.order_by(runs.c.stopped_at.desc(), runs.c.id.desc())
    found = transaction.execute(wanted.limit(MAX_RUNS)).mappings().all()
    return [StripRun(**row) for row in reversed(found)]


def reds_since(transaction: Transaction, track_id: int, since: datetime) -> Sequence[RedTime]:
    """Return the stretches of red that began since a time, the newest first.

    Those that only expired are left out: no run ended them.
    """
    wanted = (
        select(
            incidents.c.id,
            incidents.c.opened_at,
            incidents.c.closed_at,
            incidents.c.closed_because,
            incidents.c.streak,
        )
        .where(incidents.c.track_id == track_id, incidents.c.opened_at >= since, incidents.c.merged_into.is_(None))
        .order_by(incidents.c.opened_at.desc())
        .limit(MAX_REDS)
    )
    found = [RedTime(**row) for row in transaction.execute(wanted).mappings()]
    return [one for one in found if one.closed_because != Closing.EXPIRED]
