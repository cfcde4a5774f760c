"""The list of projects: the state of each default branch, and figures of 30 days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from service.db.tables import Transaction
from service.model import slug_spellings
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.month_figures import Month, MonthCache
from service.operations.overviews.now import Setting, project_json, project_strips
from service.operations.overviews.workflow_filter import WorkflowFilter, choose, organizations
from service.operations.overviews.workflow_states import (
    BranchWorkflow,
    ProjectState,
    WorkflowState,
    group_by_project,
    with_state,
)
from service.store.runs import default_tracks, project_tracks

MAX_ROWS = 50
EVERYTHING = WorkflowFilter()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The part of the list that was asked for; ``page`` counts from 1."""

    wanted: WorkflowFilter = EVERYTHING
    page: int = 1


def read_projects(
    transaction: Transaction, asked: Asked, now: datetime, *, months: MonthCache, setting: Setting
) -> Json:
    """Return a page of the projects, red ones first, each with its state and figures.

    ``red`` and ``all`` count the projects of all pages; ``next`` is the number of the next page, or null.
    """
    every = [with_state(one, now) for one in default_tracks.find(transaction)]
    others = [with_state(one, now) for one in project_tracks.one_of_each(transaction, _slugs(every))]
    projects = _projects(every, others, asked.wanted, setting)
    first = (asked.page - 1) * MAX_ROWS
    shown = projects[first : first + MAX_ROWS]
    month = months.read(transaction, now)
    ids = [one.track.id for project in shown for one in project.workflows]
    strips = project_strips(transaction, shown)
    reds = project_tracks.last_reds(transaction, ids)
    return {
        "as_of": rfc3339(now),
        "all": len(projects),
        "red": sum(one.state is WorkflowState.RED for one in projects),
        "items": [_row(one, month, reds) | {"runs": project_json(one, strips)["runs"]} for one in shown],
        "next": asked.page + 1 if len(projects) > first + MAX_ROWS else None,
        "organizations": organizations([*every, *others]),
        "is_partial": month.is_cut,
    }


def _slugs(workflows: Sequence[BranchWorkflow]) -> set[str]:
    written = {one.track.project_slug for one in workflows}
    return {slug_spellings(slug)[0] for slug in written if slug}


def _projects(
    every: Sequence[BranchWorkflow], others: Sequence[BranchWorkflow], wanted: WorkflowFilter, setting: Setting
) -> list[ProjectState]:
    """Return the chosen projects; last those whose default branch did not run."""
    without = group_by_project(choose(others, wanted, setting.routes))
    return [
        *group_by_project(choose(every, wanted, setting.routes)),
        *(ProjectState(slug=one.slug, name=one.name, workflows=()) for one in without),
    ]


def _row(project: ProjectState, month: Month, reds: Mapping[int, datetime]) -> Json:
    """Return the shape of a project: its state, figures, and when it was last red."""
    ids = [one.track.id for one in project.workflows]
    last_red = max((reds[track_id] for track_id in ids if track_id in reds), default=None)
    red_since = [
        since for one in project.workflows if one.state is WorkflowState.RED and (since := one.stored.state.since)
    ]
    return project_json(project, None) | {
        **month.figures(ids),
        "red_since": rfc3339(min(red_since)) if red_since else None,
        "last_red": rfc3339(last_red) if last_red else None,
    }
