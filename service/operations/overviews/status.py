"""The state of a branch and of its workflows: red, green or unknown."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Color, Incident, default_branches, slug_spellings
from service.operations.incidents.incidents import taken_json
from service.operations.json_shapes import Json, coverage_json, rfc3339
from service.operations.unknown_projects import describe_unknown
from service.routing.flakes import RATE_AGE
from service.store.incidents import incidents
from service.store.runs import default_tracks, track_search
from service.store.runs.same_names import definitions_of
from service.store.runs.tracks import StoredTrack
from service.store.search import names
from service.store.test_history.test_coverage import coverage_of_tracks

PARAMETERS = ("project", "branch", "workflow")
RED, GREEN, UNKNOWN = "red", "green", "unknown"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The names of a question.

    project    its slug or name; None: every project
    branch     None: the default one
    workflow   None: every workflow
    """

    project: str | None = None
    branch: str | None = None
    workflow: str | None = None


def read_status(transaction: Transaction, asked: Asked, now: datetime) -> Json:
    """Return the state of a branch, and that of each of its workflows.

    Those of every project name their ``project`` and ``branch`` too. Raises BadRequest for a name of two projects.
    """
    projects = _projects(transaction, asked.project) if asked.project is not None else []
    found = _find(transaction, asked, projects)
    counting = [one for one in found if not _is_expired(one, now)]
    shapes, track_ids = _workflows(transaction, counting, now), [one.track.id for one in found]
    if asked.project is None:
        shapes = [
            {
                "project": one.track.project_slug,
                "project_name": one.track.project_name,
                "branch": one.track.branch,
            }
            | shape
            for one, shape in zip(counting, shapes, strict=True)
        ]
    branches = {one.track.branch for one in found}
    state = _state(shapes)
    return {
        "project": _slug(asked.project, projects[0]) if asked.project and projects else asked.project,
        "project_name": found[0].track.project_name if asked.project and found else None,
        "branch": asked.branch or (next(iter(branches)) if asked.project and branches else None),
        "state": state,
        "since": _since(state, shapes),
        "workflows": shapes,
        "coverage": coverage_json(coverage_of_tracks(transaction, track_ids, since=now - RATE_AGE)),
    }


def counting_tracks(transaction: Transaction, asked: Asked, now: datetime) -> list[StoredTrack]:
    """Return the tracks of a branch that count.

    One that is red, and had no run for long, does not. Raises BadRequest for a name of two projects.
    """
    projects = _projects(transaction, asked.project) if asked.project is not None else []
    return [one for one in _find(transaction, asked, projects) if not _is_expired(one, now)]


def _projects(transaction: Transaction, written: str) -> Sequence[Sequence[str]]:
    """Return the spellings of the slug of the project that is asked for."""
    by_project = defaultdict(list)
    for slug in track_search.find_projects(transaction, written):
        by_project[slug_spellings(slug)[0]].append(slug)
    if len(by_project) > 1:
        raise BadRequest(f"{written!a} may be {' or '.join([*by_project][:5])}; write the whole of it")
    return list(by_project.values())


def _find(transaction: Transaction, asked: Asked, projects: Sequence[Sequence[str]]) -> Sequence[StoredTrack]:
    """Return the tracks of a branch; those of every project by one query.

    projects   the spellings of the slug of the project; ignored where none is asked for
    """
    if asked.project is not None:
        return [one for slugs in projects for one in _tracks(transaction, slugs, asked)]
    if asked.branch is not None:
        return track_search.find_everywhere(transaction, branch=asked.branch, workflow=asked.workflow)
    of_projects = defaultdict(list)
    for one in default_tracks.find(transaction):
        if one.track.project_slug is not None:
            of_projects[slug_spellings(one.track.project_slug)[0]].append(one)
    found = [one for some in of_projects.values() for one in _of_default_branch(some)]
    return [one for one in found if asked.workflow is None or one.track.workflow == asked.workflow]


def _of_default_branch(of_project: Sequence[StoredTrack]) -> Sequence[StoredTrack]:
    """Return the tracks of a project's default branch, of those that may be."""
    own = max((one.track.own_default for one in of_project if one.track.own_default), default=None)
    posted = max((one.track.posted_default for one in of_project if one.track.posted_default), default=None)
    likelier_first = ([one for one in of_project if one.track.branch == name] for name in default_branches(own, posted))
    return next((some for some in likelier_first if some), [])


def _slug(written: str, slugs: Sequence[str]) -> str:
    """Return a project's slug, in the spelling that was asked for if there is one."""
    return written if written in slug_spellings(slugs[0]) else slugs[0]


def _tracks(transaction: Transaction, slugs: Sequence[str], asked: Asked) -> Sequence[StoredTrack]:
    """Return the tracks of a branch; if none is asked for, of the default one."""
    for branch in [asked.branch] if asked.branch else track_search.default_branches_of(transaction, slugs):
        if found := track_search.find(transaction, slugs, branches=[branch], workflow=asked.workflow):
            return found
        if track_search.find(transaction, slugs, branches=[branch]):
            return []  # it is the branch, and the workflow does not run there
    return []


def _is_expired(one: StoredTrack, now: datetime) -> bool:
    """Return whether a track counts no more: it was red, and then had no run for long."""
    if one.state.color is None:
        return one.colored_pipeline is not None
    return one.state.color is Color.RED and one.track.is_silent(one.state.last_at, now)


def _workflows(transaction: Transaction, counting: Sequence[StoredTrack], now: datetime) -> list[Json]:
    greens = track_search.green_since(transaction, [one.track.id for one in counting if one.state.color is Color.GREEN])
    known = incidents.find_all(transaction, {one.state.incident_id for one in counting if one.state.incident_id})
    definitions = definitions_of(transaction, [one.track.id for one in counting])
    shapes: list[Json] = []
    for one in counting:
        incident = known.get(one.state.incident_id) if one.state.incident_id else None
        since = one.state.since or greens.get(one.track.id)
        shapes.append(
            {
                "workflow": one.track.workflow,
                "definition": definitions.get(one.track.id),
                "state": str(one.state.color or UNKNOWN),
                "since": rfc3339(since) if since else None,
                "streak": one.state.streak,
                "incident": str(incident.id) if incident else None,
                "taken": taken_json(incident.taken) if incident else None,
                "muted_until": _muted_until(incident, now) if incident else None,
            }
        )
    return shapes


def _muted_until(incident: Incident, now: datetime) -> str | None:
    return rfc3339(incident.muted_until) if incident.muted_until and incident.is_muted(now) else None


def _state(shapes: Sequence[Json]) -> str:
    """Return red if any workflow is red, else unknown if none is known, else green."""
    states = {shape["state"] for shape in shapes}
    return next((state for state in (RED, GREEN) if state in states), UNKNOWN)


def _since(state: str, shapes: Sequence[Json]) -> str | None:
    """Return the time of the first red workflow, or of the last green one."""
    times = [shape["since"] for shape in shapes if shape["state"] == state and shape["since"]]
    return (min(times) if state == RED else max(times)) if times else None


def near_names(transaction: Transaction, asked: Asked) -> list[str]:
    """Return a sentence for each name that has no runs, with names like it."""
    slugs = track_search.find_projects(transaction, asked.project) if asked.project else []
    if asked.project and not slugs:
        near = names.find_similar(transaction, "project", asked.project)
        return [describe_unknown("project", asked.project, near)]
    slugs = slugs or track_search.all_projects(transaction)
    named = (
        ("branch", asked.branch, track_search.branches_of),
        ("workflow", asked.workflow, track_search.workflows_of),
    )
    checked = ((noun, written, find(transaction, slugs)) for noun, written, find in named if written)
    return [
        describe_unknown(noun, written, get_close_matches(written, known, n=3))
        for noun, written, known in checked
        if written not in known
    ]
