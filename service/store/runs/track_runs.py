"""The history of one track: its last runs, and its stretches of red."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, select

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, incidents, runs
from service.model import Closing
from service.store.runs.default_tracks import STRIPS, StripRun

MAX_RUNS = 2_000
MAX_REDS = 500
# built once: that takes longer than to run them
_LATEST = select(*STRIPS.columns).where(runs.c.track_id == bindparam("track_id")).limit(MAX_RUNS)
_IN_ORDER = _LATEST.where(runs.c.pipeline_number.is_not(None)).order_by(
    runs.c.pipeline_number.desc(), runs.c.created_at.desc(), runs.c.id.desc()
)
_BY_TIME = _LATEST.order_by(runs.c.stopped_at.desc(), runs.c.id.desc())
_RED_COLUMNS = ("id", "opened_at", "closed_at", "closed_because", "streak")
_REDS = (
    select(*(incidents.c[name] for name in _RED_COLUMNS))
    .where(
        incidents.c.track_id == bindparam("track_id"),
        incidents.c.opened_at >= bindparam("since", type_=UtcDateTime),
        incidents.c.merged_into.is_(None),
    )
    .order_by(incidents.c.opened_at.desc())
    .limit(MAX_REDS)
)


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
    wanted = _IN_ORDER if is_ordered else _BY_TIME
    return STRIPS.read(transaction, wanted, {"track_id": track_id})[::-1]


def reds_since(transaction: Transaction, track_id: int, since: datetime) -> Sequence[RedTime]:
    """Return the stretches of red that began since a time, the newest first.

    Those that only expired are left out: no run ended them.
    """
    given = {"track_id": track_id, "since": since}
    found = [RedTime(**row) for row in transaction.execute(_REDS, given).mappings()]
    return [one for one in found if one.closed_because != Closing.EXPIRED]
