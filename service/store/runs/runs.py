"""Runs: one row for each execution of a workflow, as judged last."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from sqlalchemy import and_, bindparam, delete, func, select

from service.db.columns import is_any
from service.db.tables import Transaction, events, runs
from service.db.tables import incidents as stored_incidents
from service.db.tables import tracks as stored_tracks
from service.model import Color, Event, EventKind, Incident, Run, RunState, Track, Transition
from service.store.bulk import BulkInsert, replacing
from service.store.newer_values import to_member
from service.store.rows import Row, plain_rows
from service.store.runs import tracks
from service.store.runs.tracks import StoredTrack

GREEN_POINTS = (Transition.PASSED, Transition.FIXED)
"""The transitions after which a track is green: what is beyond such a run does not depend on what is before it."""

MAX_BESIDE = 20  # runs of one pipeline that may stand after the one at hand

_IS_GREEN_POINT = and_(runs.c.transition.in_(GREEN_POINTS), runs.c.setup_color.is_(None))
"""That of a setup depends on what is before it: it ends no red of others."""
_IDS = UUID("b1f6b3d0-6f6e-5d0a-8a59-0c2f2b6b9d11")
_PUT = BulkInsert(runs, replacing(runs, "id"))
_FIND = select(runs).where(is_any(runs.c.id, "ids"))
_OF_PIPELINES = select(runs).where(
    runs.c.track_id == bindparam("track_id"), is_any(runs.c.pipeline_number, "pipelines")
)
_OF_TRACK = "of_track_"
_FIND_STATES = (
    select(
        runs,
        stored_incidents.c.opened_at.label("since"),
        *(stored_tracks.c[name].label(f"{_OF_TRACK}{name}") for name in tracks.NAMES),
    )
    .outerjoin(stored_incidents, stored_incidents.c.id == runs.c.incident_id)
    .outerjoin(stored_tracks, stored_tracks.c.id == runs.c.track_id)
    .where(is_any(runs.c.id, "ids"))
)


def id_of(event: Event) -> UUID:
    """Return the id of an event's run: CircleCI's of the workflow, if a UUID."""
    return to_id(event.workflow.id or event.source_event_id)


def to_id(given: str) -> UUID:
    """Return the id of the run of CircleCI's id of a workflow."""
    try:
        return UUID(given)
    except ValueError:
        return uuid5(_IDS, given)


def state_of(run: Run, known: Mapping[UUID, Incident], of_tracks: Mapping[int, StoredTrack]) -> RunState:
    """Return a run as events carry it, by its incident and its track."""
    incident, stored = known.get(run.incident_id) if run.incident_id else None, of_tracks.get(run.track_id)
    return run.state(incident.opened_at if incident else None, stored.track if stored else None)


def with_runs(transaction: Transaction, found: Sequence[Event]) -> list[Event]:
    """Return events; those of workflows with their runs, as far as these were judged."""
    ids = {event.id: id_of(event) for event in found if event.kind is EventKind.WORKFLOW_COMPLETED}
    if not ids:
        return list(found)
    found_states = transaction.execute(_FIND_STATES, {"ids": list(set(ids.values()))}).mappings()
    judged = {row["id"]: (run := to_run(row), _state(run, row)) for row in found_states}
    return [
        _with_run(event, *judged[ids[event.id]]) if event.id in ids and ids[event.id] in judged else event
        for event in found
    ]


def _state(run: Run, row: Row) -> RunState:
    """Return the state of a run, of a row with its incident and its track."""
    track = {name: row[f"{_OF_TRACK}{name}"] for name in tracks.NAMES}
    return run.state(row["since"], Track(**track) if track["id"] is not None else None)


def _with_run(event: Event, run: Run, state: RunState) -> Event:
    times = replace(event.workflow, created_at=run.created_at, stopped_at=run.stopped_at)
    return replace(event, run=state, workflow=times)


def find_all(transaction: Transaction, run_ids: Collection[UUID]) -> dict[UUID, Run]:
    """Return those of these runs that are there."""
    found = transaction.execute(_FIND, {"ids": list(run_ids)})
    return {row["id"]: to_run(row) for row in plain_rows(found)}


def put(transaction: Transaction, changed: Sequence[Run]) -> None:
    """Store runs, or what they are by now."""
    _PUT(transaction, [vars(run) for run in sorted(changed, key=lambda run: run.id)])


def forget(transaction: Transaction, event_ids: Collection[UUID]) -> None:
    """Delete the runs that these events tell of, before the events go."""
    if not event_ids:
        return
    told_of = select(events.c.workflow_id, events.c.source_event_id).where(events.c.id.in_(event_ids))
    ids = {to_id(row.workflow_id or row.source_event_id) for row in transaction.execute(told_of)}
    transaction.execute(delete(runs).where(runs.c.id.in_(ids), runs.c.event_id.in_(event_ids)))


def green_before(transaction: Transaction, track_id: int, pipeline: int) -> int | None:
    """Return the newest pipeline before this one in which the track was green."""
    newest = select(func.max(runs.c.pipeline_number)).where(
        runs.c.track_id == track_id, _IS_GREEN_POINT, runs.c.pipeline_number < pipeline
    )
    found: int | None = transaction.execute(newest).scalar()
    return found


def green_after(transaction: Transaction, track_id: int, pipeline: int) -> int | None:
    """Return the oldest pipeline after this one in which the track was green."""
    oldest = select(func.min(runs.c.pipeline_number)).where(
        runs.c.track_id == track_id, _IS_GREEN_POINT, runs.c.pipeline_number > pipeline
    )
    found: int | None = transaction.execute(oldest).scalar()
    return found


def red_before(transaction: Transaction, state: RunState) -> Run | None:
    """Return the red run before one of the same incident, by the order of the track."""
    own = find_all(transaction, {state.run_id}).get(state.run_id)
    if own is None or own.incident_id is None or own.pipeline_number is None:
        return None
    reds = (
        select(runs)
        .where(runs.c.track_id == own.track_id, runs.c.incident_id == own.incident_id, runs.c.color == Color.RED)
        .where(runs.c.pipeline_number <= own.pipeline_number, runs.c.id != own.id)
        .order_by(runs.c.pipeline_number.desc(), runs.c.created_at.desc(), runs.c.id.desc())
        .limit(MAX_BESIDE)
    )
    earlier = (to_run(row) for row in transaction.execute(reds).mappings())
    return max((run for run in earlier if run.place < own.place), key=lambda run: run.place, default=None)


def newest_colored(transaction: Transaction, track_id: int, *, but: Collection[UUID]) -> int | None:
    """Return the newest pipeline of a track with a red or green run, but for these."""
    newest = select(func.max(runs.c.pipeline_number)).where(
        runs.c.track_id == track_id, runs.c.color != Color.GREY, runs.c.id.not_in(but)
    )
    found: int | None = transaction.execute(newest).scalar()
    return found


def between(transaction: Transaction, track_id: int, first: int | None, last: int | None) -> list[Run]:
    """Return the runs of a track from one pipeline to another, both included.

    None: from the first, or to the last.
    """
    wanted = select(runs).where(runs.c.track_id == track_id, runs.c.pipeline_number.is_not(None))
    if first is not None:
        wanted = wanted.where(runs.c.pipeline_number >= first)
    if last is not None:
        wanted = wanted.where(runs.c.pipeline_number <= last)
    return [to_run(row) for row in transaction.execute(wanted).mappings()]


def of_pipelines(transaction: Transaction, track_id: int, pipelines: Collection[int]) -> list[Run]:
    """Return the runs of a track in these pipelines."""
    found = transaction.execute(_OF_PIPELINES, {"track_id": track_id, "pipelines": list(pipelines)})
    return [to_run(row) for row in plain_rows(found)]


def of_incident(transaction: Transaction, track_id: int, incident_id: UUID) -> list[Run]:
    """Return the runs of an incident."""
    wanted = select(runs).where(runs.c.track_id == track_id, runs.c.incident_id == incident_id)
    return [to_run(row) for row in transaction.execute(wanted).mappings()]


def to_run(row: Row) -> Run:
    """A row of ``runs`` as a run."""
    names = (
        *("id", "event_id", "track_id", "pipeline_number", "created_at", "stopped_at", "number_in_pipeline"),
        *("streak", "incident_id", "is_late"),
    )
    return Run(
        color=Color(row["color"]),
        setup_color=Color(row["setup_color"]) if row["setup_color"] else None,
        transition=to_member(Transition, row["transition"]),
        **{name: row[name] for name in names},
    )
