"""The tracks of default branches, and their runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text

from service.db.raw_rows import RawRows
from service.db.tables import Transaction, runs, tracks
from service.db.track_tables import OF_DEFAULT_BRANCH
from service.model import Color, Track
from service.store.tracks import StoredTrack, to_stored

MAX_TRACKS = 10_000
MAX_STRIP_RUNS = 10_000
"""The runs of strips that are kept converted."""
_IS_OF_DEFAULT_BRANCH = text(OF_DEFAULT_BRANCH)
_TRACKS = RawRows([*tracks.c], to_stored, kept=MAX_TRACKS)
_EXPIRY = ("id", "branch", "last_at", "own_default", "posted_default", "expire_s")
_RED = (
    select(*(tracks.c[name] for name in _EXPIRY))
    .where(_IS_OF_DEFAULT_BRANCH, tracks.c.color == Color.RED)
    .limit(MAX_TRACKS)
)


@dataclass(frozen=True, kw_only=True)
class StripRun:
    """A run as a bar of a strip: its color, its end and its duration."""

    id: UUID
    event_id: UUID
    track_id: int
    color: str
    transition: str
    created_at: datetime
    stopped_at: datetime

    @property
    def duration_ms(self) -> int:
        """Return the time from its creation to its end."""
        return max(int((self.stopped_at - self.created_at).total_seconds() * 1000), 0)


_STRIP_COLUMNS = ("id", "event_id", "track_id", "color", "transition", "created_at", "stopped_at")
_STRIPS = RawRows([runs.c[name] for name in _STRIP_COLUMNS], lambda row: StripRun(**row), kept=MAX_STRIP_RUNS)


def find(transaction: Transaction) -> Sequence[StoredTrack]:
    """Return the tracks of the default branches of all projects, at most MAX_TRACKS."""
    wanted = select(*_TRACKS.columns).where(_IS_OF_DEFAULT_BRANCH).order_by(tracks.c.project_slug, tracks.c.workflow)
    return _TRACKS.read(transaction, wanted.limit(MAX_TRACKS))


def count_red(transaction: Transaction, now: datetime) -> int:
    """Count the tracks of default branches that are red, and not silent for long."""
    found = transaction.execute(_RED).mappings()
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
    wanted = (
        select(*_STRIPS.columns)
        .join(tracks, tracks.c.id == runs.c.track_id)
        .where(tracks.c.id.in_(track_ids), runs.c.pipeline_number >= _first_of_last(limit))
        .order_by(runs.c.track_id, runs.c.pipeline_number, runs.c.created_at, runs.c.id)
    )
    found = groupby(_STRIPS.read(transaction, wanted), key=attrgetter("track_id"))
    return {track_id: list(some)[-limit:] for track_id, some in found}


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
