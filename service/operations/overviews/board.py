"""The states of projects for a board on a wall."""

from datetime import datetime

from service.db.tables import Transaction
from service.operations.json_shapes import Json, rfc3339
from service.operations.overviews.now import MAX_STRIPS, MAX_TILES, Setting, project_json, project_strips
from service.operations.overviews.workflow_filter import WorkflowFilter, choose
from service.operations.overviews.workflow_states import WorkflowState, group_by_project, with_state
from service.store.runs import default_tracks


def read_board(transaction: Transaction, wanted: WorkflowFilter, now: datetime, *, setting: Setting) -> Json:
    """Return the state of each project that a filter keeps, red ones first."""
    every = (with_state(one, now) for one in default_tracks.find(transaction))
    chosen = choose(every, wanted, setting.routes)
    projects = group_by_project(chosen)
    strips = project_strips(transaction, projects[:MAX_STRIPS])
    return {
        "as_of": rfc3339(now),
        "workflows": sum(one.state in {WorkflowState.RED, WorkflowState.GREEN} for one in chosen),
        "red": sum(one.state is WorkflowState.RED for one in chosen),
        "projects": [
            project_json(one, strips if nth < MAX_STRIPS else None) for nth, one in enumerate(projects[:MAX_TILES])
        ],
        "more_projects": max(len(projects) - MAX_TILES, 0),
    }
