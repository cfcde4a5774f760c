"""Judge the runs of completed workflows: transitions, incidents, tracks.

Part of the transaction that decides on events. A run that follows all others of its track needs the track's row alone;
any other needs the runs from the green one before it to the green one after it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from service.db.tables import Transaction
from service.model import (
    Closing,
    Color,
    Event,
    EventKind,
    Incident,
    Run,
    RunState,
    Track,
    TrackState,
    color_of,
)
from service.routing.incidents import NamedStretch, name_stretches
from service.routing.projects import NO_RULES, ProjectRules
from service.routing.tracks import JudgedTrack, judge_alone, judge_track, side_by_side, state_before, up_to_green
from service.store.events import events as stored_events
from service.store.incidents import incidents
from service.store.notifications import living_messages, told
from service.store.runs import runs, tracks
from service.store.runs.renamed_projects import follow_renames
from service.store.runs.tracks import StoredTrack


@dataclass(kw_only=True)
class _Batch:
    """The runs of one transaction.

    before   those that were on record, by id
    posted   those that events of this batch tell of, as they tell of them, by track
    changed  the rows to write, by id; likewise ``incidents`` and ``states``
    locked   the tracks that it holds, by id
    """

    before: Mapping[UUID, Run]
    posted: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    changed: dict[UUID, Run] = field(default_factory=dict)
    incidents: dict[UUID, Incident] = field(default_factory=dict)
    states: list[StoredTrack] = field(default_factory=list)
    locked: dict[int, StoredTrack] = field(default_factory=dict)


def judge_runs(
    transaction: Transaction,
    posted: Sequence[Event],
    *,
    projects: ProjectRules = NO_RULES,
    is_history: bool = False,
    edits_due_at: datetime | None = None,
) -> dict[UUID, RunState]:
    """Judge the runs of events; return their states by the events' ids.

    projects       the settings of projects
    is_history     they were told of before runs were judged: none is late
    edits_due_at   the time at which messages of incidents that change are edited, unless news of them come before
    """
    workflows = [event for event in posted if event.kind is EventKind.WORKFLOW_COMPLETED]
    if not workflows:
        return {}
    of_event = {event.id: runs.id_of(event) for event in workflows}
    digests = {event.id: tracks.digest_of(event) for event in workflows}
    locked = tracks.lock(transaction, {digests[event.id]: event for event in workflows})
    # after the lock: what was read before could have changed meanwhile
    before = runs.find_all(transaction, set(of_event.values()))
    counting = _counting(transaction, workflows, of_event, before)
    batch = _Batch(before=before)
    last: dict[int, tuple[StoredTrack, Event]] = {}
    for run_id, event in counting.items():
        stored = locked[digests[event.id]]
        track_id = stored.track.id
        last[track_id] = (stored, event)
        batch.posted[track_id].append(_to_run(event, run_id, track_id, before.get(run_id)))
    for track_id, (stored, event) in last.items():
        batch.locked[track_id] = with_settings(stored, event, projects)
    for _, stored in sorted(batch.locked.items()):
        _judge_one_track(transaction, batch, stored, is_history=is_history)
    _write(transaction, batch)
    follow_renames(transaction, [(stored.track, event) for stored, event in last.values()])
    if edits_due_at is not None and batch.incidents:
        living_messages.follow(transaction, list(batch.incidents.values()), edits_due_at)
    return _states(transaction, batch, of_event)


def with_settings(stored: StoredTrack, event: Event, projects: ProjectRules) -> StoredTrack:
    """Return a track with the settings of its project, as known by now."""
    posted = event.project.default_branch or stored.track.posted_default
    return replace(stored, track=projects.applied_to(replace(stored.track, posted_default=posted)))


def _counting(
    transaction: Transaction, workflows: Iterable[Event], of_event: Mapping[UUID, UUID], before: Mapping[UUID, Run]
) -> dict[UUID, Event]:
    """Return the event that counts for each run: the latest.

    Of two of one time it is the one with the smaller id at CircleCI.
    """
    recorded = stored_events.find_posts(transaction, [run.event_id for run in before.values()])
    found: dict[UUID, Event] = {
        run_id: recorded[run.event_id] for run_id, run in before.items() if run.event_id in recorded
    }
    for event in workflows:
        run_id = of_event[event.id]
        other = found.get(run_id)
        if other is None or other.id == event.id or _counts_before(event, other):
            found[run_id] = event
    posted = {event.id for event in workflows}
    return {run_id: event for run_id, event in found.items() if event.id in posted}


def _counts_before(event: Event, other: Event) -> bool:
    if event.happened_at != other.happened_at:
        return event.happened_at > other.happened_at
    return event.source_event_id < other.source_event_id


def _to_run(event: Event, run_id: UUID, track_id: int, before: Run | None) -> Run:
    stopped_at = event.workflow.stopped_at or event.happened_at
    duration = timedelta(milliseconds=event.duration_ms or 0)
    run = Run(
        id=run_id,
        event_id=event.id,
        track_id=track_id,
        pipeline_number=event.pipeline.number,
        created_at=event.workflow.created_at or stopped_at - duration,
        stopped_at=stopped_at,
        color=color_of(event.status),
        setup_color=color_of(event.status) if event.workflow.is_setup or (before and before.setup_color) else None,
    )
    if before is None or before.track_id != track_id:
        return run
    return replace(
        run,
        created_at=event.workflow.created_at or before.created_at,
        stopped_at=event.workflow.stopped_at or before.stopped_at,
        transition=before.transition,
        streak=before.streak,
        incident_id=before.incident_id,
        is_late=before.is_late,
    )


def _judge_one_track(transaction: Transaction, batch: _Batch, stored: StoredTrack, *, is_history: bool) -> None:
    posted = batch.posted[stored.track.id]
    if not stored.track.is_ordered:
        _judge_alone(transaction, batch, stored, posted)
        return
    window = _window(transaction, batch, stored, posted)
    if not is_history:
        window.runs = _with_lateness(window.runs, posted, batch.before, stored.colored_pipeline)
    judged = judge_track(window.runs, window.start, expiry=stored.track.expiry)
    ids = {run.incident_id for run in window.runs} | {window.start.incident_id}
    known = incidents.find_all(transaction, ids - {None})  # type: ignore[arg-type]
    named = name_stretches(judged.stretches, uuid4)
    _note_incidents(batch, stored.track, named, known)
    _withdraw_incidents(batch, window.runs, named, known)
    id_of = {id(one.stretch): one.id for one in named}
    for one in judged.runs:
        incident_id = id_of[id(one.stretch)] if one.stretch else None
        run = one.run if one.run.incident_id == incident_id else replace(one.run, incident_id=incident_id)
        if run != batch.before.get(run.id) and run != window.before.get(run.id):
            batch.changed[run.id] = run
    before = {**batch.before, **window.before}
    if any(_lost_its_color(one.run, before.get(one.run.id)) for one in judged.runs):
        stored = _recolored(transaction, stored, judged)
    batch.states.append(_new_state(batch, stored, judged, id_of, is_end=window.is_end))
    if any(one.stretch.closed_because is Closing.EXPIRED and one.id == stored.state.incident_id for one in named):
        told.forget(transaction, [stored.track.id])


def _lost_its_color(run: Run, before: Run | None) -> bool:
    return before is not None and before.color is not Color.GREY and run.color is Color.GREY


def _recolored(transaction: Transaction, stored: StoredTrack, judged: JudgedTrack) -> StoredTrack:
    """Return a track with the newest colored pipeline of runs that are not judged now."""
    there = {one.run.id for one in judged.runs}
    return replace(stored, colored_pipeline=runs.newest_colored(transaction, stored.track.id, but=there))


@dataclass(kw_only=True)
class _Window:
    """The runs to judge of a track.

    before   those that were on record, by id
    start    the state before the first of them
    is_end   True if none comes after them
    """

    runs: list[Run]
    before: Mapping[UUID, Run]
    start: TrackState
    is_end: bool


def _window(transaction: Transaction, batch: _Batch, stored: StoredTrack, posted: Sequence[Run]) -> _Window:
    numbers = [run.pipeline_number or 0 for run in posted]
    is_next = stored.newest_pipeline is None or min(numbers) > stored.newest_pipeline
    is_next &= all(run.setup_color is None for run in posted)  # what those do depends on the reds before
    if is_next and not any(run.id in batch.before for run in posted):
        return _Window(runs=list(posted), before={}, start=stored.state, is_end=True)
    track_id = stored.track.id
    first = runs.green_before(transaction, track_id, min(numbers))
    last = runs.green_after(transaction, track_id, max(numbers))
    recorded = up_to_green(runs.between(transaction, track_id, first, last), last)
    found = {run.id: run for run in recorded}
    start = state_before(found.values())
    every = list((found | {run.id: run for run in posted}).values())
    return _Window(runs=every, before=found, start=start, is_end=last is None)


def _with_lateness(
    window: Iterable[Run], posted: Iterable[Run], before: Mapping[UUID, Run], colored_pipeline: int | None
) -> list[Run]:
    """Return the runs, new ones with their lateness.

    Late are those that stand before a red or green one on record.
    """
    new = {
        run.id
        for run in posted
        if run.color is not Color.GREY and (run.id not in before or before[run.id].color is not run.color)
    }
    found: list[Run] = []
    is_passed = False  # a run on record stands later on the track
    for group in reversed(list(side_by_side(window))):
        number = group[0].pipeline_number or 0
        is_late = is_passed or (colored_pipeline is not None and number < colored_pipeline)
        found += [
            replace(run, is_late=is_late) if run.id in new and run.is_late is not is_late else run for run in group
        ]
        is_passed = is_passed or any(run.color is not Color.GREY and run.id not in new for run in group)
    return found


def _judge_alone(transaction: Transaction, batch: _Batch, stored: StoredTrack, posted: Sequence[Run]) -> None:
    """Judge runs that stand alone; those of one pipeline are numbered."""
    numbers = {run.pipeline_number for run in posted} - {None}
    found = {run.id: run for run in runs.of_pipelines(transaction, stored.track.id, numbers)} if numbers else {}  # type: ignore[arg-type]
    for run in judge_alone((found | {run.id: run for run in posted}).values()):
        if run != found.get(run.id):
            batch.changed[run.id] = run


def _note_incidents(batch: _Batch, track: Track, named: Iterable[NamedStretch], known: Mapping[UUID, Incident]) -> None:
    """Note what the stretches of red say of their incidents."""
    for one in named:
        incident = _incident(one, track, known.get(one.id))
        if incident is not None:
            batch.incidents[one.id] = incident
        for merged in one.merged:
            if merged in known:
                batch.incidents[merged] = replace(known[merged], merged_into=one.id)


def _withdraw_incidents(
    batch: _Batch, judged: Iterable[Run], named: Sequence[NamedStretch], known: Mapping[UUID, Incident]
) -> None:
    """Withdraw the incidents of which no run is red any more.

    judged   the runs, with the incidents that they had before
    """
    there = {one.id for one in named} | {merged for one in named for merged in one.merged}
    gone = [one for one in known.values() if one.id not in there and one.merged_into is None]
    for incident in gone:
        batch.incidents[incident.id] = _withdrawn(incident, judged)


def _withdrawn(incident: Incident, judged: Iterable[Run]) -> Incident:
    green = next((run for run in judged if run.incident_id == incident.id and run.color is Color.GREEN), None)
    withdrawn = replace(incident, merged_into=incident.id)
    if green is None:
        return withdrawn
    return replace(withdrawn, closed_at=green.stopped_at, closed_by=green.id, closed_because=Closing.GREEN)


def _incident(named: NamedStretch, track: Track, known: Incident | None) -> Incident | None:
    """Return the incident of a stretch; None if its rows have been deleted."""
    stretch = named.stretch
    closing = {
        "closed_at": stretch.closed_at,
        "closed_by": stretch.closed.id if stretch.closed else None,
        "closed_because": stretch.closed_because,
    }
    if stretch.opened is None or stretch.opened_at is None:
        if known is None:
            return None
        last_red = stretch.reds[-1].id if stretch.reds else known.last_red
        return replace(known, last_red=last_red, streak=stretch.streak, **closing)  # type: ignore[arg-type]
    new = Incident(
        id=named.id,
        track_id=track.id,
        opened_at=stretch.opened_at,
        opened_by=stretch.opened.id,
        last_red=stretch.reds[-1].id,
        streak=stretch.streak,
        is_found_late=named.is_found_late,
        **closing,  # type: ignore[arg-type]
    )
    return replace(new, is_found_late=known.is_found_late) if known else new


def _new_state(
    batch: _Batch, stored: StoredTrack, judged: JudgedTrack, id_of: Mapping[int, UUID], *, is_end: bool
) -> StoredTrack:
    numbers = [one.run.pipeline_number for one in judged.runs]
    colored = [one.run.pipeline_number for one in judged.runs if one.run.color is not Color.GREY]
    newest = replace(
        stored,
        newest_pipeline=_highest([stored.newest_pipeline, *numbers]),
        colored_pipeline=_highest([stored.colored_pipeline, *colored]),
    )
    last_at = max(filter(None, (judged.state.last_at, stored.state.last_at)), default=None)
    if not is_end:
        return replace(newest, state=replace(stored.state, last_at=last_at))
    incident_id = id_of[id(judged.stretch)] if judged.stretch else None
    since = batch.incidents[incident_id].opened_at if incident_id in batch.incidents else judged.state.since
    return replace(newest, state=replace(judged.state, incident_id=incident_id, since=since, last_at=last_at))


def _highest(numbers: Iterable[int | None]) -> int | None:
    return max((number for number in numbers if number is not None), default=None)


def _write(transaction: Transaction, batch: _Batch) -> None:
    runs.put(transaction, list(batch.changed.values()))
    incidents.put(transaction, list(batch.incidents.values()))
    tracks.put_states(transaction, batch.states)


def _states(transaction: Transaction, batch: _Batch, of_event: Mapping[UUID, UUID]) -> dict[UUID, RunState]:
    """Return the states of runs by the events that told of them."""
    judged = {run_id: batch.changed.get(run_id) or batch.before[run_id] for run_id in of_event.values()}
    missing = {run.incident_id for run in judged.values()} - batch.incidents.keys() - {None}
    known = batch.incidents | incidents.find_all(transaction, missing)  # type: ignore[arg-type]
    unlocked = {run.track_id for run in judged.values()} - batch.locked.keys()
    of_tracks = batch.locked | (tracks.find_all(transaction, unlocked) if unlocked else {})
    before = {run_id: run.color for run_id, run in batch.before.items()}
    states = {run_id: runs.state_of(run, known, of_tracks) for run_id, run in judged.items()}
    return {event_id: replace(states[run_id], color_before=before.get(run_id)) for event_id, run_id in of_event.items()}
