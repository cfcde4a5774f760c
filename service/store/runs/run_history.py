"""Runs of tracks with the facts of their events: revisions, authors, durations."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from service.db.columns import is_any
from service.db.tables import Transaction, events, runs, tracks
from service.model import Color, Run, Track
from service.routing.culprits import RevisionRun
from service.store.rows import Row, plain_rows

MAX_GREENS = 50_000
MAX_GREENS_OF_TRACK = 500
MAX_RANGE = 500
FIRST_RANGE = 50
MAX_DURATIONS = 30
MAX_TIMED = 5_000


def greens_of(transaction: Transaction, track_ids: Collection[int], *, since: datetime) -> Sequence[Row]:
    """Return the green runs of tracks, newest first, with their revisions.

    Each track has as many as rates are of: a busy one leaves room for the others.
    """
    return list(plain_rows(transaction.execute(_GREENS, {"track_ids": list(track_ids), "since": since})))


def _greens() -> Select[Any]:
    """Build the statement of ``greens_of``, once: that takes longer than to run it."""
    newest = func.row_number().over(partition_by=runs.c.track_id, order_by=runs.c.pipeline_number.desc().nulls_last())
    is_of_tracks = is_any(runs.c.track_id, "track_ids")
    greens = (
        select(runs.c.id, runs.c.event_id, runs.c.track_id, runs.c.pipeline_number, runs.c.stopped_at)
        .add_columns(newest.label("nth"))
        .where(is_of_tracks, runs.c.color == Color.GREEN, runs.c.stopped_at >= bindparam("since"))
        .subquery()
    )
    return (
        select(greens.c.id, greens.c.track_id, greens.c.pipeline_number, greens.c.stopped_at, events.c.revision)
        .join(events, events.c.id == greens.c.event_id)
        .where(greens.c.nth <= MAX_GREENS_OF_TRACK)
        .order_by(greens.c.stopped_at.desc())
        .limit(MAX_GREENS)
    )


_GREENS = _greens()


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
    rows = list(plain_rows(transaction.execute(_UNTIL, asked)))
    found = [row for row in rows if _place(row) <= run.place]
    return [_to_revision_run(row) for row in sorted(found, key=_place)], len(rows) < limit


def _with_events() -> Select[Any]:
    columns = ("id", "pipeline_number", "created_at", "stopped_at", "color")
    facts = ("revision", "commit_author_name", "commit_author_email", "commit_subject")
    return select(*(runs.c[name] for name in columns), *(events.c[name] for name in facts)).join(
        events, events.c.id == runs.c.event_id
    )


_UNTIL = (
    _with_events()
    .where(runs.c.track_id == bindparam("track_id"), runs.c.pipeline_number <= bindparam("pipeline_number"))
    .order_by(runs.c.pipeline_number.desc(), runs.c.created_at.desc(), runs.c.id.desc())
    .limit(bindparam("most"))
)


def _place(row: Row) -> tuple[int, datetime, str]:
    return (row["pipeline_number"] or 0, row["created_at"], str(row["id"]))


def _to_revision_run(row: Row) -> RevisionRun:
    return RevisionRun(
        revision=row["revision"],
        color=Color(row["color"]),
        created_at=row["created_at"],
        stopped_at=row["stopped_at"],
        author_name=row["commit_author_name"],
        author_email=row["commit_author_email"],
        subject=row["commit_subject"],
        run_id=row["id"],
    )
