"""Workflows that wait for a person's approval."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Hold:
    """An approval that a workflow waits for, or waited for.

    job_id       CircleCI's id of the approval
    since        the time since which it waits
    url          the page where it can be approved
    ended_as     approved or canceled; None: it waits still
    approved_by  the name of the person who approved it
    """

    job_id: str
    workflow_id: str
    pipeline_id: str
    project: str
    pipeline_number: int | None
    branch: str | None
    workflow: str | None
    job: str | None
    since: datetime
    url: str | None
    ended_at: datetime | None = None
    ended_as: str | None = None
    approved_by: str | None = None
