"""The body that a webhook would have had, built of the API's answers. Pure.

It is parsed as any other, so that what did not come is judged and told as what did. Its id is the same each time: what
is found twice is one delivery. CircleCI's own ids are UUIDs, so none is the same as these.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.circleci.api.pipelines import ListedWorkflow
from service.circleci.api.responses import ListedJob
from service.circleci.git import vcs_of
from service.circleci.links import workflow_url
from service.circleci.webhook.payload import PipelineShape
from service.model import EventKind
from service.model.holds import Hold

TRIGGERS = {"scheduled_pipeline": "schedule"}  # the API's word: the webhook's word
ENDED = frozenset({"success", "failed", "error", "canceled", "unauthorized"})
"""The statuses of workflows of which CircleCI posts."""
ON_HOLD = "on_hold"
ENDED_JOBS = frozenset({"success", "failed", "infrastructure_fail", "timedout", "canceled", "unauthorized"})


@dataclass(frozen=True, kw_only=True)
class BuiltProject:
    """The project of a pipeline, as webhooks name it.

    app   the address of the web app of its CircleCI; None: not known
    """

    id: str
    slug: str
    name: str | None
    organization: str | None
    app: str | None = None


@dataclass(frozen=True, kw_only=True)
class BuiltPipeline:
    """A pipeline with its project, as a webhook carries both."""

    project: BuiltProject
    pipeline: PipelineShape

    @property
    def branch(self) -> str | None:
        """Return its branch; None for a tag."""
        return vcs_of(self.pipeline).branch

    def page_of(self, workflow: ListedWorkflow) -> str | None:
        """Return the page of a workflow; None if its address cannot be told."""
        app = self.project.app
        return workflow_url(self.project.slug, self.pipeline.number, workflow.id, app=app) if app else None


def workflow_body(of: BuiltPipeline, workflow: ListedWorkflow) -> bytes:
    """Return the body of a workflow's end."""
    return _body(
        of,
        EventKind.WORKFLOW_COMPLETED,
        f"reconcile:workflow:{workflow.id}:{workflow.status}",
        workflow.stopped_at,
        workflow={**_workflow(of, workflow), "status": workflow.status},
    )


def job_body(of: BuiltPipeline, workflow: ListedWorkflow, job: ListedJob) -> bytes:
    """Return the body of a job's end; it lacks the workflow's status."""
    fields = {
        "id": job.id,
        "name": job.name,
        "number": job.job_number,
        "status": job.status,
        "started_at": _stamp(job.started_at),
        "stopped_at": _stamp(job.stopped_at),
    }
    return _body(
        of,
        EventKind.JOB_COMPLETED,
        f"reconcile:job:{job.id}:{job.status}",
        job.stopped_at,
        workflow=_workflow(of, workflow),
        job=fields,
    )


def held_body(of: BuiltPipeline, workflow: ListedWorkflow, approval: ListedJob, since: datetime) -> bytes:
    """Return the body of an event of ours: a workflow waits for an approval."""
    fields = {"id": approval.id, "name": approval.name, "status": ON_HOLD, "started_at": _stamp(since)}
    return _body(
        of,
        EventKind.WORKFLOW_HELD,
        f"reconcile:held:{approval.id}",
        since,
        workflow={**_workflow(of, workflow), "status": ON_HOLD},
        job=fields,
    )


def ended_hold_body(of: BuiltPipeline, workflow: ListedWorkflow, hold: Hold, *, at: datetime, ended_as: str) -> bytes:
    """Return the body of an event of ours: an approval was given, or is not needed."""
    fields = {"id": hold.job_id, "name": hold.job, "status": ended_as, "started_at": _stamp(hold.since)}
    return _body(
        of,
        EventKind.WORKFLOW_HELD,
        f"reconcile:held:{hold.job_id}:{ended_as}",
        at,
        workflow={**_workflow(of, workflow), "status": ended_as},
        job=fields,
    )


def _body(of: BuiltPipeline, kind: EventKind, id_: str, at: datetime | None, **parts: Any) -> bytes:
    pipeline = of.pipeline.model_dump(mode="json", exclude_none=True)
    trigger = of.pipeline.trigger.type
    if trigger in TRIGGERS:
        pipeline["trigger"] = {"type": TRIGGERS[trigger]}
    payload = {
        "type": str(kind),
        "id": id_,
        "happened_at": _stamp(at),
        "project": {"id": of.project.id, "name": of.project.name, "slug": of.project.slug},
        "organization": {"name": of.project.organization},
        "pipeline": pipeline,
        **parts,
    }
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


def _workflow(of: BuiltPipeline, workflow: ListedWorkflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "url": of.page_of(workflow),
        "created_at": _stamp(workflow.created_at),
        "stopped_at": _stamp(workflow.stopped_at),
    }


def _stamp(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
