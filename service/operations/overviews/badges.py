"""The state that a badge shows, by a name in its address."""

from datetime import datetime

from service.db.tables import Transaction
from service.operations.overviews.project_names import split_name
from service.operations.overviews.status import UNKNOWN, Asked, read_status
from service.store.runs import track_search


def read_badge(transaction: Transaction, name: str, branch: str | None, now: datetime) -> tuple[str, str]:
    """Return label and state of PROJECT or PROJECT/WORKFLOW.

    A project may have slashes, and the longest one counts. A name without runs is unknown. Raises BadRequest for a name
    of two projects.
    """
    for project, workflow in split_name(name):
        if track_search.find_projects(transaction, project):
            asked = Asked(project=project, branch=branch, workflow=workflow)
            label = " ".join(part for part in (workflow or project, branch) if part)
            return label, str(read_status(transaction, asked, now)["state"])
    return name, UNKNOWN
