"""A project: its workflows, red branches, routes, and what is heard from it."""

from collections.abc import Sequence
from datetime import datetime

from service.db.tables import Transaction
from service.model import Matcher, Route, Track
from service.operations.builds import circleci_says
from service.operations.hooks.hook_health import read_hook_health
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.branch_list import find_known
from service.operations.overviews.month_figures import Month, MonthCache
from service.operations.overviews.now import STRIP_RUNS, Setting, run_json
from service.operations.overviews.workflow_filter import PROJECT_KEYS, routes_for
from service.operations.overviews.workflow_states import BranchWorkflow, WorkflowState, with_state
from service.store.runs import default_tracks, project_tracks
from service.store.runs.project_tracks import ProjectKey

MAX_WORKFLOWS = 60
MAX_RED_BRANCHES = 30
MAX_ROUTES = 40


def read_project(
    transaction: Transaction, key: ProjectKey, now: datetime, *, months: MonthCache, setting: Setting
) -> Json:
    """Return what is known of a project.

    The shape: ``workflows`` are those of its default branch, red ones first; ``red_branches`` those of others that are
    red; ``elsewhere`` the names of workflows that run on other branches alone; ``routes`` those that may hear of it;
    ``circleci`` the figures that CircleCI counts.
    """
    own = _reds_first([with_state(one, now) for one in project_tracks.of_default_branch(transaction, key)])
    shown, month = own[:MAX_WORKFLOWS], months.read(transaction, now)
    strips = default_tracks.last_runs(transaction, [one.track.id for one in shown], limit=STRIP_RUNS)
    last_reds = project_tracks.last_reds(transaction, [one.track.id for one in shown])
    of_default = {one.track.workflow for one in own}
    red_branches, known = _red_branches(transaction, key, now), find_known(transaction, key.slug)
    return {
        "as_of": rfc3339(now),
        "project": key.slug,
        "project_name": key.name or key.slug,
        "default_branch": own[0].track.branch if own else None,
        "red": sum(one.state is WorkflowState.RED for one in own),
        "counted": sum(one.state in {WorkflowState.RED, WorkflowState.GREEN} for one in own),
        **month.figures([one.track.id for one in own]),
        "workflows": [
            _workflow_json(one, month)
            | {"runs": [run_json(run) for run in strips.get(one.track.id, ())]}
            | {"last_red": rfc3339(last_reds[one.track.id]) if one.track.id in last_reds else None}
            for one in shown
        ],
        "more_workflows": max(len(own) - MAX_WORKFLOWS, 0),
        "elsewhere": [name for name in project_tracks.workflows_of(transaction, key) if name not in of_default],
        "red_branches": [
            _branch_json(one) | {"is_gone": known.is_gone(one.track.branch, one.stored.state.last_at)}
            for one in red_branches[:MAX_RED_BRANCHES]
        ],
        "more_red_branches": max(len(red_branches) - MAX_RED_BRANCHES, 0),
        "routes": _routes(key, setting.routes),
        "hook": read_hook_health(transaction, key, now),
        "circleci": circleci_says.of_project(transaction, key.slug),
        "is_partial": month.is_cut,
    }


def _reds_first(workflows: Sequence[BranchWorkflow]) -> list[BranchWorkflow]:
    order = list(WorkflowState)
    return sorted(workflows, key=lambda one: (order.index(one.state), (one.track.workflow or "").casefold()))


def _workflow_json(one: BranchWorkflow, month: Month) -> Json:
    """Return the shape of a workflow on the default branch."""
    return _branch_json(one) | {"state": str(one.state), **month.figures([one.track.id])}


def _branch_json(one: BranchWorkflow) -> Json:
    """Return the shape of a workflow on a branch."""
    state = one.stored.state
    return {
        "workflow": one.track.workflow,
        "branch": one.track.branch,
        "since": rfc3339(state.since) if state.since else None,
        "streak": state.streak,
        "last_at": rfc3339(state.last_at) if state.last_at else None,
    }


def _red_branches(transaction: Transaction, key: ProjectKey, now: datetime) -> list[BranchWorkflow]:
    """Return the workflows that are red on other branches than the default one."""
    reds = (with_state(one, now) for one in project_tracks.red_ones(transaction, key))
    return [
        one
        for one in reds
        if one.state is WorkflowState.RED and one.track.is_ordered and not one.track.is_of_default_branch
    ]


def _routes(key: ProjectKey, routes: Sequence[Route]) -> list[Json]:
    """Return the routes that may hear of a project, each with its other matchers.

    Which of two that match hears of an event is told by their order.
    """
    track = Track(id=0, project_id=None, project_slug=key.slug, project_name=key.name, workflow=None, branch=None)
    return [
        {
            "route": route.name,
            "receiver": route.receiver,
            "if": [_words(one) for one in route.matchers if one.key not in PROJECT_KEYS],
            "continues": route.continues,
        }
        for route in routes_for(track, routes)[:MAX_ROUTES]
    ]


def _words(matcher: Matcher) -> str:
    """Return a matcher as it is written: ``status: failed, error``."""
    return f"{matcher.key}: {', '.join([*matcher.patterns, *(f'!{one}' for one in matcher.excluded)])}"
