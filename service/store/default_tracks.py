"""The tracks of default branches, and their runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text

from service.db.columns import SecondsBetween
from service.db.tables import Transaction, runs, tracks
from service.db.track_tables import OF_DEFAULT_BRANCH
from service.model import Color, Track
from service.store.tracks import StoredTrack, to_stored

MAX_TRACKS = 10_000
MAX_RUNS_OF_WEEKS = 100_000
_IS_OF_DEFAULT_BRANCH = text(OF_DEFAULT_BRANCH)
_EXPIRY = ("id", "branch", "last_at", "own_default", "posted_default", "expire_s")


@dataclass(frozen=True, kw_only=True)
class StripRun:
    """A run as a bar of a strip: its color, its end and its duration."""

    id: UUID
    event_id: UUID
    color: str
    transition: str
    created_at: datetime
    stopped_at: datetime

    @property
    def duration_ms(self) -> int:
        """Return the time from its creation to its end."""
        return max(int((self.stopped_at - self.created_at).total_seconds() * 1000), 0)


@dataclass(frozen=True, kw_only=True)
class WeekRun:
    """A run as a figure: its track, color, end and duration."""

    track_id: int
    color: str
    is_before: bool
    seconds: int


def find(transaction: Transaction) -> Sequence[StoredTrack]:
    """Return the tracks of the default branches of all projects, at most MAX_TRACKS."""
    wanted = select(tracks).where(_IS_OF_DEFAULT_BRANCH).order_by(tracks.c.project_slug, tracks.c.workflow)
    return [to_stored(row) for row in transaction.execute(wanted.limit(MAX_TRACKS)).mappings()]


def count_red(transaction: Transaction, now: datetime) -> int:
    """Count the tracks of default branches that are red, and not silent for long."""
    red = select(*(tracks.c[name] for name in _EXPIRY)).where(_IS_OF_DEFAULT_BRANCH, tracks.c.color == Color.RED)
    found = transaction.execute(red.limit(MAX_TRACKS)).mappings()
    return sum(not _bare(row).is_silent(row["last_at"], now) for row in found)


def _bare(row: Mapping[Any, Any]) -> Track:
    names = ("id", "branch", "own_default", "posted_default", "expire_s")
    unknown: dict[str, Any] = dict.fromkeys(("project_id", "project_slug", "project_name", "workflow"))
    return Track(**{name: row[name] for name in names}, **unknown)


def last_runs(transaction: Transaction, track_ids: Collection[int], *, limit: int) -> Mapping[int, list[StripRun]]:
    """Return the last runs of tracks in their order, the oldest first.

    Runs of unknown pipelines, which stand alone, are left out.
    """
    if not track_ids:
        return {}
    names = ("id", "event_id", "track_id", "color", "transition", "created_at", "stopped_at")
    wanted = (
        select(*(runs.c[name] for name in names))
        .join(tracks, tracks.c.id == runs.c.track_id)
        .where(tracks.c.id.in_(track_ids), runs.c.pipeline_number >= _first_of_last(limit))
        .order_by(runs.c.track_id, runs.c.pipeline_number, runs.c.created_at, runs.c.id)
    )
    found = transaction.execute(wanted).all()
    return {
        track_id: [
            StripRun(
                id=row.id,
                event_id=row.event_id,
                color=row.color,
                transition=row.transition,
                created_at=row.created_at,
                stopped_at=row.stopped_at,
            )
            for row in list(some)[-limit:]
        ]
        for track_id, some in groupby(found, key=lambda row: int(row.track_id))
    }


def _first_of_last(limit: int) -> Any:
    """Return the pipeline from which on a track has so many runs, or the first.

    The index of tracks and pipelines answers it, however long the history is.
    """
    numbers: Select[Any] = (
        select(runs.c.pipeline_number)
        .where(runs.c.track_id == tracks.c.id, runs.c.pipeline_number.is_not(None))
        .order_by(runs.c.pipeline_number.desc())
        .offset(limit - 1)
        .limit(1)
    )
    return func.coalesce(numbers.correlate(tracks).scalar_subquery(), 0)


def runs_of_weeks(transaction: Transaction, *, since: datetime, middle: datetime) -> Sequence[WeekRun]:
    """Return the runs that ended since a time, the newest first, at most so many.

    They are of all branches.

    middle   ``is_before`` is true of those that ended before it
    """
    wanted = (
        select(
            runs.c.track_id,
            runs.c.color,
            (runs.c.stopped_at < middle).label("is_before"),
            SecondsBetween(runs.c.created_at, runs.c.stopped_at).label("seconds"),
        )
        .where(runs.c.stopped_at >= since)
        .order_by(runs.c.stopped_at.desc())
        .limit(MAX_RUNS_OF_WEEKS)
    )
    return [
        WeekRun(track_id=row[0], color=row[1], is_before=bool(row[2]), seconds=row[3])
        for row in transaction.execute(wanted)
    ]
