"""The tracks of default branches, and their runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, bindparam, func, select, text

from service.db.columns import is_any
from service.db.raw_rows import RawRows
from service.db.tables import Transaction, runs, tracks
from service.db.track_tables import OF_DEFAULT_BRANCH
from service.model import Color, Track
from service.store.runs.tracks import StoredTrack, to_stored

MAX_TRACKS = 10_000
MAX_STRIP_RUNS = 10_000
"""The runs of strips that are read at once, and that are kept converted."""
_IS_OF_DEFAULT_BRANCH = text(OF_DEFAULT_BRANCH)
_TRACKS = RawRows([*tracks.c], to_stored, kept=MAX_TRACKS)
_EXPIRY = ("id", "branch", "own_default", "posted_default", "expire_s")


@dataclass(frozen=True, kw_only=True, eq=False)
class StripRun:
    """A run as a bar of a strip: its color, its end and its duration.

    pipeline_number   None: it is not known, and the run stands alone
    It is equal to itself alone: what is kept of it is found at once.
    """

    id: UUID
    event_id: UUID
    track_id: int
    pipeline_number: int | None
    color: str
    transition: str
    created_at: datetime
    stopped_at: datetime

    @property
    def place(self) -> tuple[int, datetime, UUID]:
        """Return its place among the runs of its project, by the order of a track."""
        return self.pipeline_number or 0, self.created_at, self.id

    @property
    def duration_ms(self) -> int:
        """Return the time from its creation to its end."""
        return max(int((self.stopped_at - self.created_at).total_seconds() * 1000), 0)


def _bare(row: Mapping[str, Any]) -> tuple[Track, datetime | None]:
    """Return a track without names, and the end of its last run."""
    unknown: dict[str, Any] = dict.fromkeys(("project_id", "project_slug", "project_name", "workflow"))
    return Track(**{name: row[name] for name in _EXPIRY}, **unknown), row["last_at"]


_REDS = RawRows([*(tracks.c[name] for name in _EXPIRY), tracks.c.last_at], _bare, kept=MAX_TRACKS)
_RED = select(*_REDS.columns).where(_IS_OF_DEFAULT_BRANCH, tracks.c.color == Color.RED).limit(MAX_TRACKS)

_STRIP_COLUMNS = ("id", "event_id", "track_id", "pipeline_number", "color", "transition", "created_at", "stopped_at")
STRIPS = RawRows([runs.c[name] for name in _STRIP_COLUMNS], lambda row: StripRun(**row), kept=MAX_STRIP_RUNS)
"""The runs of strips by their rows: a statement for them selects its ``columns``."""

_ORDER = (runs.c.track_id, runs.c.pipeline_number, runs.c.created_at, runs.c.id)


def _number_of(*which: ColumnElement[bool]) -> ColumnElement[int]:
    """Return the pipeline from which on some runs are so many, or 0.

    The index of tracks and pipelines answers it, however long the history is.
    """
    wanted = select(runs.c.pipeline_number).where(*which, runs.c.pipeline_number.is_not(None))
    newest = wanted.order_by(runs.c.pipeline_number.desc()).offset(bindparam("skipped")).limit(1)
    return func.coalesce(newest.scalar_subquery(), 0).label("number")


def _once(wanted: Select[Any], name: str) -> CTE:
    """Return a part of a statement that is answered once.

    Without that word, databases look for it once for each run of all history.
    """
    return wanted.cte(name).prefix_with("MATERIALIZED")


def _last_runs_of_projects(*, is_exact: bool) -> Select[Any]:
    """Return the statement for the last runs of projects.

    It takes whole pipelines, as the index does not have the order in one. To number the runs of all tracks of a project
    takes three times as long as to look for the pipeline to begin with.

    is_exact   of the first pipeline take no more runs than are wanted: that takes half as long again
    """
    own, of_project = _FIRSTS.alias("own"), _FIRSTS.alias("of_project")
    number = _number_of(own.c.project == _FIRSTS.c.project, *_since(own, own.c.number))
    begins = _once(select(_FIRSTS.c.project, number).where(_FIRSTS.c.id == _FIRSTS.c.project), "begins")
    newest_first = [column.desc() for column in _ORDER[1:]]
    rank = func.row_number().over(partition_by=begins.c.project, order_by=newest_first).label("rank")
    wanted = select(*STRIPS.columns, *((rank,) if is_exact else ()))
    found = wanted.join_from(begins, of_project, of_project.c.project == begins.c.project)
    last = found.join(runs, and_(*_since(of_project, begins.c.number)))
    if not is_exact:
        return last.order_by(*_ORDER).limit(MAX_STRIP_RUNS)
    ranked = last.subquery("ranked")
    exact = select(*(ranked.c[name] for name in _STRIP_COLUMNS)).where(ranked.c.rank <= bindparam("limit"))
    return exact.order_by(*(ranked.c[column.name] for column in _ORDER))


def _since(track: FromClause, number: ColumnElement[int]) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions on the runs of a track from a pipeline on."""
    return runs.c.track_id == track.c.id, runs.c.pipeline_number >= number


# built once: that takes longer than to run them
_PROJECT = func.min(tracks.c.id).over(partition_by=(tracks.c.project_slug, tracks.c.project_name)).label("project")
_OF_TRACK = runs.c.track_id == tracks.c.id
_FIRSTS = _once(select(tracks.c.id, _PROJECT, _number_of(_OF_TRACK)).where(is_any(tracks.c.id, "track_ids")), "firsts")
_LAST = select(*STRIPS.columns).join_from(_FIRSTS, runs, and_(*_since(_FIRSTS, _FIRSTS.c.number))).order_by(*_ORDER)
_LAST_OF_PROJECTS = _last_runs_of_projects(is_exact=False)
_EXACT_OF_PROJECTS = _last_runs_of_projects(is_exact=True)
_FIND = (
    select(*_TRACKS.columns)
    .where(_IS_OF_DEFAULT_BRANCH)
    .order_by(tracks.c.project_slug, tracks.c.workflow)
    .limit(MAX_TRACKS)
)


def find(transaction: Transaction) -> Sequence[StoredTrack]:
    """Return the tracks of the default branches of all projects, at most MAX_TRACKS."""
    return _TRACKS.read(transaction, _FIND)


def oldest(transaction: Transaction, limit: int) -> tuple[list[StoredTrack], int]:
    """Return the oldest of these tracks, and the number of all."""
    every = sorted(find(transaction), key=lambda one: one.track.id)
    return every[:limit], len(every)


def count_red(transaction: Transaction, now: datetime) -> int:
    """Count the tracks of default branches that are red, and not silent for long."""
    return sum(not track.is_silent(last_at, now) for track, last_at in _REDS.read(transaction, _RED))


def last_runs(transaction: Transaction, track_ids: Collection[int], *, limit: int) -> Mapping[int, list[StripRun]]:
    """Return the last runs of tracks in their order, the oldest first.

    Runs of unknown pipelines, which stand alone, are left out.
    """
    found = _by_track(transaction, _LAST, track_ids, limit)
    return {track_id: some[-limit:] for track_id, some in found.items()}


def last_of_projects(
    transaction: Transaction, track_ids: Collection[int], *, limit: int
) -> Mapping[int, list[StripRun]]:
    """Return the last runs of projects, by track.

    They are of the last pipelines of their project: with those of the oldest one they may be more than the limit. Of a
    project that is spelled in two ways there are the last of each. Runs are left out as by ``last_runs``.
    """
    found = _by_track(transaction, _LAST_OF_PROJECTS, track_ids, limit)
    if sum(map(len, found.values())) < MAX_STRIP_RUNS:
        return found
    return _by_track(transaction, _EXACT_OF_PROJECTS, track_ids, limit)  # a pipeline may have thousands of runs


def _by_track(
    transaction: Transaction, wanted: Select[Any], track_ids: Collection[int], limit: int
) -> dict[int, list[StripRun]]:
    if not track_ids:
        return {}
    given = {"track_ids": list(track_ids), "limit": limit, "skipped": limit - 1}
    found = groupby(STRIPS.read(transaction, wanted, given), key=attrgetter("track_id"))
    return {track_id: list(some) for track_id, some in found}
