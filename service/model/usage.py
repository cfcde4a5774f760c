"""Usage: the credits that builds spent, as CircleCI says, and limits on them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ExportState(StrEnum):
    """The states of a usage export: the first four are CircleCI's."""

    CREATED = "created"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    READ = "read"  # its files were read, and what they say is kept
    EMPTY = "empty"  # completed without files: CircleCI has no data


UNFINISHED = frozenset({ExportState.CREATED, ExportState.PROCESSING, ExportState.COMPLETED})


@dataclass(frozen=True, kw_only=True)
class UsageExport:
    """An export of the usage of an organization in a month.

    id          CircleCI's, empty until it was told; its files' addresses are credentials and never kept
    month       as ``2026-10``
    starts_at   the time that it is of, likewise ``ends_at``: less than the month if that is too old or not over
    read_at     the time at which the figures that are kept were read, of this export or an earlier one
    remark      on what it lacks, or why it failed
    """

    id: str
    org_id: str
    month: str
    starts_at: datetime
    ends_at: datetime
    state: ExportState
    asked_at: datetime
    changed_at: datetime
    read_at: datetime | None = None
    remark: str | None = None


@dataclass(frozen=True, kw_only=True)
class UsageRow:
    """The usage of one job, as a line of an export says it."""

    project_id: str | None = None
    project_name: str | None = None
    branch: str | None = None
    pipeline_id: str | None = None
    workflow_id: str | None = None
    workflow: str | None = None
    started_at: datetime | None = None
    status: str | None = None
    seconds: float = 0
    credits: float = 0


@dataclass(kw_only=True)
class UsageFigure:
    """The usage of a workflow on a branch in a month.

    project_slug   where our rows know it
    workflows      the number of its runs, of which our rows know ``known``
    failed         the credits of jobs that failed; likewise ``reruns`` those of runs after the first of a pipeline
    """

    project_id: str | None = None
    project_name: str | None = None
    project_slug: str | None = None
    workflow: str | None = None
    branch: str | None = None
    workflows: int = 0
    known: int = 0
    jobs: int = 0
    seconds: float = 0
    credits: float = 0
    failed: float = 0
    reruns: float = 0


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A limit on the credits of a project in a calendar month (UTC)."""

    project: str
    credits: int
