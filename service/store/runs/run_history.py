"""Runs of tracks with the facts of their events: revisions, authors, durations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, bindparam, func, select

from service.db.columns import is_any
from service.db.raw_rows import RawRows
from service.db.tables import Transaction, events, runs, tracks
from service.model import Color, Run, Track
from service.routing.culprits import RevisionRun
from service.store.rows import Row

MAX_GREENS = 50_000
MAX_GREENS_OF_TRACK = 500
MAX_KEPT = 10_000  # rows of each kind that are kept converted
MAX_RANGE = 500
FIRST_RANGE = 50
MAX_DURATIONS = 30
MAX_TIMED = 5_000


def greens_of(transaction: Transaction, track_ids: Collection[int], *, since: datetime) -> Sequence[Row]:
    """Return the green runs of tracks, newest first, with their revisions.

    Each track has as many as rates are of: a busy one leaves room for the others. The rows must not be changed: each
    red run of a track asks for nearly the same, and they are kept.
    """
    return _GREEN_ROWS.read(transaction, _GREENS, {"track_ids": list(track_ids), "since": since})


def _newest_greens() -> Subquery:
    newest = func.row_number().over(partition_by=runs.c.track_id, order_by=runs.c.pipeline_number.desc().nulls_last())
    columns = (runs.c[name] for name in ("id", "event_id", "track_id", "pipeline_number", "stopped_at"))
    is_recent = runs.c.stopped_at >= bindparam("since")
    wanted = select(*columns, newest.label("nth")).where(is_any(runs.c.track_id, "track_ids"), is_recent)
    return wanted.where(runs.c.color == Color.GREEN).subquery()


_NEWEST = _newest_greens()
_GREEN_ROWS: RawRows[Row] = RawRows(
    [*(_NEWEST.c[name] for name in ("id", "track_id", "pipeline_number", "stopped_at")), events.c.revision],
    dict,
    kept=MAX_KEPT,
)
_GREENS = (
    select(*_GREEN_ROWS.columns)
    .join_from(_NEWEST, events, events.c.id == _NEWEST.c.event_id)
    .where(_NEWEST.c.nth <= MAX_GREENS_OF_TRACK)
    .order_by(_NEWEST.c.stopped_at.desc())
    .limit(MAX_GREENS)
)


def timed_greens(transaction: Transaction, track_id: int, *, before: Run) -> list[tuple[UUID, int]]:
    """Return a track's last green runs before a run, newest first, with durations."""
    return _read_times(transaction, _TIMED_GREENS, track_id, before)


def run_times(transaction: Transaction, track_id: int, *, before: Run) -> list[tuple[UUID, int]]:
    """Return the same without the time in the queue.

    Runs of which this is not known are left out.
    """
    return _read_times(transaction, _RUN_TIMES, track_id, before)


def _read_times(transaction: Transaction, wanted: Select[Any], track_id: int, before: Run) -> list[tuple[UUID, int]]:
    place = {"track_id": track_id, "stopped_at": before.stopped_at, "run_id": before.id}
    return [(row.id, row.took_ms) for row in transaction.execute(wanted, place)]


def _timed(took_ms: ColumnElement[int]) -> Select[Any]:
    return (
        select(runs.c.id, took_ms.label("took_ms"))
        .join(runs, events.c.id == runs.c.event_id)
        .where(
            runs.c.track_id == bindparam("track_id"),
            runs.c.color == Color.GREEN,
            runs.c.stopped_at <= bindparam("stopped_at"),
            runs.c.id != bindparam("run_id"),
            took_ms.is_not(None),
        )
        .order_by(runs.c.pipeline_number.desc(), runs.c.created_at.desc())
        .limit(MAX_DURATIONS)
    )


_TIMED_GREENS = _timed(events.c.duration_ms)
_RUN_TIMES = _timed(events.c.duration_ms - events.c.queue_ms)


def minutes_of(transaction: Transaction, run_ids: Collection[UUID]) -> dict[UUID, float]:
    """Return the minutes that runs took, by id, of at most MAX_TIMED."""
    wanted = select(runs.c.id, runs.c.created_at, runs.c.stopped_at).where(runs.c.id.in_(run_ids))
    found = transaction.execute(wanted) if run_ids else ()
    return {row.id: max((row.stopped_at - row.created_at).total_seconds(), 0.0) / 60 for row in found}


def sibling_tracks(transaction: Transaction, own: Track, branches: Collection[str]) -> list[int]:
    """Return the tracks of the same workflow on these branches, another than its own."""
    names = {"project_slug": own.project_slug, "project_id": own.project_id, "workflow": own.workflow}
    asked = {**names, "definition": own.definition_id or "", "branches": list(branches), "track_id": own.id}
    return list(transaction.execute(_SIBLINGS, asked).scalars())


_DEFINITION = func.coalesce(tracks.c.definition_id, "")
_SIBLINGS = select(tracks.c.id).where(
    *(tracks.c[name].is_not_distinct_from(bindparam(name)) for name in ("project_slug", "project_id", "workflow")),
    tracks.c.branch.in_(bindparam("branches", expanding=True)),
    bindparam("definition") == _DEFINITION,
    tracks.c.id != bindparam("track_id"),
)


def until(transaction: Transaction, run: Run) -> list[RevisionRun]:
    """Return the last runs of a track until a run, in order, with their revisions."""
    found, is_whole = _until(transaction, run, FIRST_RANGE)
    return found if is_whole or _holds_break(found) else _until(transaction, run, MAX_RANGE)[0]


def _holds_break(found: Sequence[RevisionRun]) -> bool:
    """Return whether runs reach back beyond the last green revision.

    Older ones tell no more of what broke after it.
    """
    reds = [place for place, one in enumerate(found) if one.color is Color.RED]
    greens = [place for place, one in enumerate(found) if one.color is Color.GREEN and reds and place < reds[-1]]
    return bool(greens) and found[greens[-1]].revision != found[0].revision


def _until(transaction: Transaction, run: Run, limit: int) -> tuple[list[RevisionRun], bool]:
    """Return up to so many runs of a track until a run, and if these are all."""
    asked = {"track_id": run.track_id, "pipeline_number": run.pipeline_number, "most": limit}
    rows = _REVISION_RUNS.read(transaction, _UNTIL, asked)
    return [one for place, one in sorted(rows, key=itemgetter(0)) if place <= run.place], len(rows) < limit


def _placed(row: Row) -> tuple[tuple[int, datetime, str], RevisionRun]:
    """Return a run with its place on its track."""
    place = (row["pipeline_number"] or 0, row["created_at"], str(row["id"]))
    return place, RevisionRun(
        revision=row["revision"],
        color=Color(row["color"]),
        created_at=row["created_at"],
        stopped_at=row["stopped_at"],
        author_name=row["commit_author_name"],
        author_email=row["commit_author_email"],
        subject=row["commit_subject"],
        run_id=row["id"],
    )


_REVISION_RUNS = RawRows(
    [
        *(runs.c[name] for name in ("id", "pipeline_number", "created_at", "stopped_at", "color")),
        *(events.c[name] for name in ("revision", "commit_author_name", "commit_author_email", "commit_subject")),
    ],
    _placed,
    kept=MAX_KEPT,
)
_UNTIL = (
    select(*_REVISION_RUNS.columns)
    .join_from(runs, events, events.c.id == runs.c.event_id)
    .where(runs.c.track_id == bindparam("track_id"), runs.c.pipeline_number <= bindparam("pipeline_number"))
    .order_by(runs.c.pipeline_number.desc(), runs.c.created_at.desc(), runs.c.id.desc())
    .limit(bindparam("most"))
)
