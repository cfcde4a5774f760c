"""The state of all default branches now: what is red, since when, and by whom."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from uuid import UUID

from service.db.tables import Transaction
from service.model import Details, Event, Incident, Notification, Person, Route
from service.operations.incidents.incidents import incident_json
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.week_figures import WeeksCache, figures_json
from service.operations.overviews.workflow_filter import WorkflowFilter, choose, is_by, organizations
from service.operations.overviews.workflow_states import (
    BranchWorkflow,
    ProjectState,
    WorkflowState,
    group_by_project,
    project_name,
    with_state,
)
from service.pipeline.judgment.record_tests import FAILED_JOBS
from service.store.events import events
from service.store.incidents import incidents, red_rows
from service.store.incidents.red_rows import FailedJob
from service.store.notifications import notifications
from service.store.runs import default_tracks, runs
from service.store.runs.default_tracks import MAX_STRIP_RUNS, StripRun
from service.store.runs.same_names import definitions_of

EVERYTHING = WorkflowFilter()
MAX_REDS = 20
MAX_STRIPS = 40
"""The projects with a strip: of more, a page would be too large."""
MAX_TILES = 200
STRIP_RUNS = 14
MAX_OF_PERSON = 500
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The parts of roundsman.yaml that the page is about."""

    routes: Sequence[Route] = ()
    people: Sequence[Person] = ()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The part of the page that was asked for; ``page`` counts from 1."""

    wanted: WorkflowFilter = EVERYTHING
    page: int = 1


@dataclass(frozen=True, kw_only=True)
class RedFacts:
    """The facts of red workflows, each kind read at once."""

    incidents: Mapping[UUID, Incident]
    events: Mapping[UUID, Event]  # by the ids of runs
    failures: Mapping[UUID, Sequence[FailedJob]]  # by the ids of runs
    notifications: Mapping[UUID | None, Sequence[Notification]]  # by the ids of events
    strips: Mapping[int, Sequence[StripRun]]
    definitions: Mapping[int, str]


def read_now(transaction: Transaction, asked: Asked, now: datetime, *, weeks: WeeksCache, setting: Setting) -> Json:
    """Return what is red, the figures, and the state of every project.

    The shape: ``workflows`` and ``red`` are counts, ``items`` the red ones, newest first, ``projects`` and ``stale``
    the rest. ``next`` is the number of the next page, or null.
    """
    wanted, page = asked.wanted, asked.page
    every = [with_state(one, now) for one in default_tracks.find(transaction)]
    chosen = choose(every, wanted, setting.routes)
    reds = _newest_first([one for one in chosen if one.state is WorkflowState.RED])
    if wanted.person:
        reds = _of_person(transaction, reds, wanted.person, setting.people)
    shown = reds[(page - 1) * MAX_REDS : page * MAX_REDS]
    projects = group_by_project(chosen)
    strips = project_strips(transaction, projects[:MAX_STRIPS])
    facts = _read_facts(transaction, shown)
    ids = [one.track.id for one in chosen]
    return {
        "as_of": rfc3339(now),
        "workflows": sum(one.state in {WorkflowState.RED, WorkflowState.GREEN} for one in chosen),
        "red": len(reds),
        "figures": figures_json(weeks.read(transaction, now), ids, [one.slug for one in projects if one.slug]),
        "items": [red_json(one, facts, now) for one in shown],
        "next": page + 1 if len(reds) > page * MAX_REDS else None,
        "projects": [
            project_json(one, strips if nth < MAX_STRIPS else None) for nth, one in enumerate(projects[:MAX_TILES])
        ],
        "organizations": organizations(every),
        "more_projects": max(len(projects) - MAX_TILES, 0),
        "stale": [stale_json(one) for one in chosen if one.state is WorkflowState.STALE][:MAX_REDS],
    }


def _newest_first(reds: Sequence[BranchWorkflow]) -> list[BranchWorkflow]:
    return sorted(reds, key=lambda one: (_red_since(one) or _LONG_AGO, one.track.id), reverse=True)


def _red_since(one: BranchWorkflow) -> datetime | None:
    return one.stored.state.since or one.stored.state.last_at


def _of_person(
    transaction: Transaction, reds: Sequence[BranchWorkflow], person: str, people: Sequence[Person]
) -> list[BranchWorkflow]:
    """Return the reds that began with a person's commit, or that the person has."""
    some = reds[:MAX_OF_PERSON]
    known = _incidents_of(transaction, some)
    of_runs = events_of(transaction, {one.opened_by for one in known.values()})
    found = []
    for one in some:
        incident = known.get(one.stored.state.incident_id) if one.stored.state.incident_id else None
        if incident is None:
            continue
        has_it = incident.taken is not None and incident.taken.by.casefold() == person.casefold()
        if has_it or is_by(person, of_runs.get(incident.opened_by), people):
            found.append(one)
    return found


def _read_facts(transaction: Transaction, shown: Sequence[BranchWorkflow]) -> RedFacts:
    ids = [one.track.id for one in shown]
    known = _incidents_of(transaction, shown)
    of_runs = events_of(transaction, {run for one in known.values() for run in (one.opened_by, one.last_red)})
    newest = {one.last_red for one in known.values()}
    told: dict[UUID | None, list[Notification]] = {}
    for one in notifications.of_events(transaction, {event.id for event in of_runs.values()}) if of_runs else ():
        told.setdefault(one.event_id, []).append(one)
    return RedFacts(
        incidents=known,
        events=of_runs,
        failures=failures_of(transaction, newest, of_runs),
        notifications=told,
        strips=default_tracks.last_runs(transaction, ids, limit=STRIP_RUNS),
        definitions=definitions_of(transaction, ids),
    )


def _incidents_of(transaction: Transaction, reds: Sequence[BranchWorkflow]) -> Mapping[UUID, Incident]:
    return incidents.find_all(
        transaction, {one.stored.state.incident_id for one in reds if one.stored.state.incident_id}
    )


def events_of(transaction: Transaction, run_ids: Collection[UUID]) -> dict[UUID, Event]:
    """Return the events of runs, by the ids of the runs."""
    if not run_ids:
        return {}
    found = runs.find_all(transaction, run_ids)
    posts = events.find_posts(transaction, {run.event_id for run in found.values()})
    return {run_id: posts[run.event_id] for run_id, run in found.items() if run.event_id in posts}


def failures_of(
    transaction: Transaction, run_ids: Collection[UUID], of_runs: Mapping[UUID, Event]
) -> Mapping[UUID, Sequence[FailedJob]]:
    """Return what failed in runs: by their results, else by what CircleCI told."""
    found = dict(red_rows.failures_of(transaction, run_ids))
    rest = {of_runs[run_id].id: run_id for run_id in run_ids if run_id not in found and run_id in of_runs}
    for event_id, details in (events.find_all_details(transaction, list(rest)) if rest else {}).items():
        if jobs := _failed_jobs(details):
            found[rest[event_id]] = jobs
    return found


def _failed_jobs(details: Details) -> list[FailedJob]:
    failed = [job for job in details.jobs or () if job.status in FAILED_JOBS]
    counts = [(job, job.tests.failed if job.tests else 0) for job in failed]
    return [
        FailedJob(job=job.name, test=job.tests.failures[0].name if job.tests and job.tests.failures else None, count=n)
        for job, n in sorted(counts, key=lambda one: -one[1])
    ]


def red_json(red: BranchWorkflow, facts: RedFacts, now: datetime) -> Json:
    """Return the shape of a red workflow: its incident's, and what the page adds.

    ``fails``, ``broke_with`` and ``told`` are null or empty where nothing is known.
    """
    stored = red.stored
    incident = facts.incidents.get(stored.state.incident_id) if stored.state.incident_id else None
    opener = facts.events.get(incident.opened_by) if incident else None
    newest = facts.events.get(incident.last_red) if incident else None
    posts = dict.fromkeys(one.id for one in (opener, newest) if one is not None)
    definition = facts.definitions.get(stored.track.id)
    of_incident = incident_json(incident, stored.track) if incident else _bare_json(red)
    is_muted = incident is not None and incident.is_muted(now)
    return of_incident | {
        "project_name": project_name(stored.track),
        "definition": definition,
        "is_muted": is_muted,
        "newest_event": str(newest.id) if newest else None,
        "fails": fails_json(facts.failures.get(incident.last_red, ()) if incident else ()),
        "broke_with": commit_json(opener) if opener else None,
        "runs": [run_json(one) for one in facts.strips.get(stored.track.id, ())],
        "told": told_json([one for event_id in posts for one in facts.notifications.get(event_id, ())]),
    }


def _bare_json(red: BranchWorkflow) -> Json:
    """Return the shape of a red workflow whose incident is not on record."""
    state, track, since = red.stored.state, red.track, _red_since(red)
    names = ("id", "closed_at", "opened_by", "closed_by", "closed_because", "fingerprint", "taken", "class")
    return dict.fromkeys((*names, "class_by", "fixed_by", "muted_until")) | {
        "project": track.project_slug or track.project_name,
        "branch": track.branch,
        "workflow": track.workflow,
        "state": "open",
        "opened_at": rfc3339(since) if since else None,
        "streak": state.streak,
    }


def fails_json(jobs: Sequence[FailedJob]) -> Json | None:
    """Return what fails in few words: the first failed test or job, and how many more."""
    if not jobs:
        return None
    tests = sum(one.count for one in jobs)
    return {"job": jobs[0].job, "test": jobs[0].test, "tests": tests, "jobs": len(jobs)}


def commit_json(event: Event) -> Json:
    """Return the shape of the commit of a build."""
    author = event.commit.author_name or event.actor.name or event.actor.login
    return {
        "event": str(event.id),
        "revision": event.revision,
        "subject": event.commit.subject,
        "author": author,
    }


def told_json(found: Sequence[Notification]) -> list[Json]:
    """Return the channels of notifications, each once, with what became of the newest."""
    newest = {one.channel_label: one for one in sorted(found, key=lambda one: (one.created_at, one.id))}
    return [
        {"channel": label, "state": "sent" if one.was_sent else str(one.state), "receiver": one.receiver}
        for label, one in sorted(newest.items())
    ]


@lru_cache(maxsize=MAX_STRIP_RUNS)  # as many as are kept: a page has most of a thousand, and few are new
def run_json(run: StripRun) -> Json:
    """Return the shape of a run in a strip."""
    return {
        "id": str(run.id),
        "event": str(run.event_id),
        "color": run.color,
        "transition": run.transition,
        "stopped_at": rfc3339(run.stopped_at),
        "duration_ms": run.duration_ms,
    }


def project_json(project: ProjectState, strips: Mapping[int, Sequence[StripRun]] | None) -> Json:
    """Return the shape of a project: its state, counts, and last runs.

    strips   None: its runs are not shown
    """
    counts = project.counts
    shape: Json = {
        "project": project.slug,
        "project_name": project.name,
        "state": str(project.state),
        "workflows": len(project.workflows),
        **{str(state): counts[state] for state in WorkflowState},
        "runs": None,
    }
    if strips is not None:
        runs_of_it = (run for one in project.workflows for run in strips.get(one.track.id, ()))
        last = sorted(runs_of_it, key=attrgetter("place"))[-STRIP_RUNS:]
        shape["runs"] = [run_json(run) for run in last]
    return shape


def project_strips(transaction: Transaction, projects: Sequence[ProjectState]) -> Mapping[int, Sequence[StripRun]]:
    """Return the last runs of projects, by track."""
    ids = [one.track.id for project in projects for one in project.workflows]
    return default_tracks.last_of_projects(transaction, ids, limit=STRIP_RUNS)


def stale_json(one: BranchWorkflow) -> Json:
    """Return the shape of a workflow that was red and has not run for long."""
    last_at = one.stored.state.last_at
    return {
        "project": one.track.project_slug or one.track.project_name,
        "project_name": project_name(one.track),
        "workflow": one.track.workflow,
        "branch": one.track.branch,
        "last_at": rfc3339(last_at) if last_at else None,
    }
