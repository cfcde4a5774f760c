"""The runs of the last weeks, as figures of their tracks."""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, text

from service.db.columns import SecondsBetween
from service.db.tables import Transaction, runs, tracks
from service.db.track_tables import OF_DEFAULT_BRANCH
from service.model import Color

MAX_RUNS = 100_000
_IS_OF_DEFAULT_BRANCH = text(OF_DEFAULT_BRANCH)


@dataclass(kw_only=True)
class TrackRuns:
    """The runs of a track: the number of all and of the red ones.

    greens   the seconds that each green one took
    """

    count: int = 0
    reds: int = 0
    greens: "array[int]" = field(default_factory=lambda: array("q"))


def runs_since(transaction: Transaction, since: datetime) -> tuple[Mapping[int, TrackRuns], bool]:
    """Return the runs that ended since a time, and whether some were left out."""
    wanted = (
        select(runs.c.track_id, runs.c.color, SecondsBetween(runs.c.created_at, runs.c.stopped_at).label("seconds"))
        .where(runs.c.stopped_at >= since, runs.c.track_id.in_(select(tracks.c.id).where(_IS_OF_DEFAULT_BRANCH)))
        .order_by(runs.c.stopped_at.desc())
        .limit(MAX_RUNS)
    )
    found: dict[int, TrackRuns] = {}
    total = 0
    for track_id, color, seconds in transaction.execute(wanted):
        total += 1
        _count(found, track_id, color, seconds)
    return found, total == MAX_RUNS


def runs_of_weeks(
    transaction: Transaction, *, since: datetime, middle: datetime
) -> tuple[Mapping[int, TrackRuns], Mapping[int, TrackRuns], bool]:
    """Return the runs of all branches before a time, and those since then.

    The third value tells whether some were left out.

    since   the end of the earliest of them
    """
    ended = runs.c.stopped_at
    is_before = (ended < middle).label("is_before")
    wanted = (
        select(runs.c.track_id, runs.c.color, is_before, SecondsBetween(runs.c.created_at, ended).label("seconds"))
        .where(ended >= since)
        .order_by(ended.desc())
        .limit(MAX_RUNS)
    )
    before: dict[int, TrackRuns] = {}
    after: dict[int, TrackRuns] = {}
    total = 0
    for track_id, color, is_older, seconds in transaction.execute(wanted):
        total += 1
        _count(before if is_older else after, track_id, color, seconds)
    return before, after, total == MAX_RUNS


def _count(found: dict[int, TrackRuns], track_id: int, color: str, seconds: int) -> None:
    one = found.get(track_id) or found.setdefault(track_id, TrackRuns())
    one.count += 1
    if color == Color.GREEN:
        one.greens.append(max(seconds, 0))
    elif color == Color.RED:
        one.reds += 1
