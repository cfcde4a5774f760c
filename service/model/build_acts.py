"""Acts on builds at CircleCI: rerun, cancel, approve, trigger, and their results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class ActVerb(StrEnum):
    """The acts on a workflow; ``rerun_failed`` runs only what failed again."""

    RERUN = "rerun"
    RERUN_FAILED = "rerun_failed"
    CANCEL = "cancel"
    CANCEL_JOB = "cancel_job"
    APPROVE = "approve"


class ActOutcome(StrEnum):
    """The outcome of an act.

    DONE       CircleCI took it
    REFUSED    CircleCI did not take it: nothing has changed
    UNCERTAIN  CircleCI's answer was lost, and a look did not show it: it may have been done, or be done yet
    """

    DONE = "done"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class BuildAct:
    """An act that a person asks for.

    job   the name of the job to approve or to cancel; None: the only one that waits
    """

    verb: ActVerb
    workflow_id: UUID
    job: str | None = None


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """A pipeline that a person wants started.

    branch, tag     where it runs; neither: on the default branch
    parameters      of the pipeline
    definition_id   which of the project's pipelines; None: CircleCI chooses
    """

    project: str
    branch: str | None = None
    tag: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    definition_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ActResult:
    """The result of an act.

    sentence   what was done, with CircleCI's answer
    workflow   the id of the workflow that a rerun made
    pipeline   the id of the pipeline that was started, with its number
    """

    outcome: ActOutcome
    sentence: str
    workflow: str | None = None
    pipeline: str | None = None
    number: int | None = None
