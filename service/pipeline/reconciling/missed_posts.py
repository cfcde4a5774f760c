"""Compare a pipeline at CircleCI with what is on record, and add what never came.

What is added goes in by the same door as webhooks: a delivery whose body is one that CircleCI would have posted. A
webhook that comes all the same tells of the same workflow with the same status, and no channel hears of that twice.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from service.circleci.api.pipelines import ListedWorkflow
from service.circleci.api.request import EndpointNotFound
from service.circleci.api.responses import ListedJob
from service.circleci.circleci import CircleCI
from service.circleci.rebuilt import (
    ENDED,
    ENDED_JOBS,
    BuiltPipeline,
    BuiltProject,
    job_body,
    workflow_body,
)
from service.db.database import Store
from service.db.tables import Transaction
from service.metrics import Metrics
from service.model import Delivery, EventKind, Via, posted_slug, slug_spellings
from service.model.reconciling import PipelineToAsk
from service.pipeline.receive import GroupCommitter, StoredDelivery
from service.pipeline.reconciling.call_budget import CallBudget
from service.store.circleci import reconciling
from service.store.runs import runs
from service.store.search import posted_jobs

GRACE = timedelta(seconds=90)
"""The time after the end of a workflow in which its webhook may still be on its way."""
EMPTY_FOR = timedelta(hours=1)
"""The time after which a pipeline that has no workflows yet has none."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The result of a look at a pipeline.

    is_finished   all its workflows have ended
    soon          one ended so lately that its webhook may be on its way until then
    has_red       one of them is red, so that it may be run again
    found         the number of posts that were missed, and are added
    workflows     as CircleCI listed them
    """

    is_finished: bool
    soon: datetime | None
    has_red: bool
    found: int
    workflows: tuple[ListedWorkflow, ...] = ()


@dataclass(kw_only=True)
class MissedWebhooks:
    """Looks at pipelines; what it learns of projects is kept for the next ones.

    holds_of   the ids of the projects whose approvals are looked for
    """

    store: Store
    source: CircleCI
    budget: CallBudget
    clock: Callable[[], datetime]
    metrics: Metrics
    holds_of: frozenset[str] = frozenset()
    _projects: dict[str, BuiltProject] = field(default_factory=dict)
    _hears_jobs: dict[str, bool] = field(default_factory=dict)

    async def look(self, pipeline: PipelineToAsk) -> Look:
        """Ask for the workflows of a pipeline, and add what was missed.

        Raises BudgetSpent, Temporary or Permanent; what was added until then stays.
        """
        now = self.clock()
        workflows = await self._workflows(pipeline)
        ended = [one for one in workflows if one.status in ENDED and one.stopped_at and one.id]
        old = [one for one in ended if one.stopped_at and one.stopped_at <= now - GRACE]
        known = await self.store.read(_known_runs, [one.id for one in old if one.id])
        missing = [one for one in old if one.id not in known]
        jobs = await self._missing_jobs(pipeline, old)
        found = await self._add(pipeline, missing, jobs) if missing or jobs else 0
        recent = [one.stopped_at for one in ended if one not in old and one.stopped_at]
        return Look(
            is_finished=all(map(_has_ended, workflows)) and (bool(workflows) or pipeline.created_at < now - EMPTY_FOR),
            soon=min(recent) + GRACE if recent else None,
            has_red=any(one.status in {"failed", "error", "canceled"} for one in ended),
            found=found,
            workflows=tuple(workflows),
        )

    async def jobs_of(self, workflow_id: str) -> Sequence[ListedJob]:
        """Return the jobs of a workflow; raises BudgetSpent, Temporary or Permanent."""
        await self.budget.take()
        return (await self.source.api.workflow_jobs(workflow_id)).items

    async def built(self, pipeline: PipelineToAsk) -> BuiltPipeline:
        """Return a pipeline as a webhook would carry it; raises as the other."""
        await self.budget.take()
        facts = await self.source.api.pipeline(pipeline.id)
        return BuiltPipeline(project=await self._project(pipeline), pipeline=facts)

    async def keep(self, bodies: Sequence[bytes]) -> Sequence[StoredDelivery]:
        """Keep bodies as deliveries; those that are there already stay as they are."""
        committer = GroupCommitter(self.store)
        return await asyncio.gather(*(committer.keep(self.delivery(body)) for body in bodies))

    async def _workflows(self, pipeline: PipelineToAsk) -> Sequence[ListedWorkflow]:
        await self.budget.take()
        try:
            return (await self.source.api.pipelines.pipeline_workflows(pipeline.id)).items
        except EndpointNotFound:  # a pipeline without workflows may have no such list
            return ()

    async def _missing_jobs(
        self, pipeline: PipelineToAsk, ended: Sequence[ListedWorkflow]
    ) -> Sequence[tuple[ListedWorkflow, ListedJob]]:
        """Return the jobs of which no webhook came, each with its workflow.

        None, if the hook of the project posts no jobs.
        """
        if not ended or not await self._posts_jobs(pipeline):
            return []
        missing = []
        for workflow in ended:
            if workflow.id is None or workflow.created_at is None or workflow.stopped_at is None:
                continue
            span = (workflow.created_at, workflow.stopped_at)
            known = await self.store.read(posted_jobs.ids_of, pipeline.slug, *span)
            listed = await self.jobs_of(workflow.id)
            missing += [(workflow, one) for one in listed if one.id not in known and _has_run(one)]
        return missing

    async def _posts_jobs(self, pipeline: PipelineToAsk) -> bool:
        """Return whether posts of jobs of the project came of late."""
        if pipeline.slug not in self._hears_jobs:
            since = self.clock() - timedelta(days=14)
            self._hears_jobs[pipeline.slug] = await self.store.read(posted_jobs.has_any, pipeline.slug, since)
        return self._hears_jobs[pipeline.slug]

    async def _add(
        self,
        pipeline: PipelineToAsk,
        missing: Sequence[ListedWorkflow],
        jobs: Sequence[tuple[ListedWorkflow, ListedJob]],
    ) -> int:
        """Add what was missed; return the number of posts that are new."""
        of = await self.built(pipeline)
        bodies = [(EventKind.WORKFLOW_COMPLETED, workflow_body(of, one)) for one in missing]
        bodies += [(EventKind.JOB_COMPLETED, job_body(of, workflow, one)) for workflow, one in jobs]
        kept = await self.keep([body for _, body in bodies])
        new = [kind for (kind, _), one in zip(bodies, kept, strict=True) if not one.is_duplicate]
        for kind in new:
            self.metrics.webhooks_missed.labels(kind).inc()
        return len(new)

    def delivery(self, body: bytes) -> Delivery:
        """Return a body of ours as a delivery to keep."""
        return Delivery(
            id=uuid4(),
            source=self.source.name,
            source_event_id=self.source.identify(body),
            via=Via.RECONCILE,
            received_at=self.clock(),
            headers=(),
            body=body,
            signed=None,
        )

    async def _project(self, pipeline: PipelineToAsk) -> BuiltProject:
        if pipeline.project_id not in self._projects:
            known = await self.store.read(_known_project, pipeline.project_id, pipeline.slug)
            page = await self.store.read(reconciling.workflow_page_of, pipeline.project_id)
            found = known or await self._asked_project(pipeline)
            self._projects[pipeline.project_id] = replace(found, app=self.source.web_app(page))
        return self._projects[pipeline.project_id]

    async def _asked_project(self, pipeline: PipelineToAsk) -> BuiltProject:
        await self.budget.take()
        project = await self.source.api.project(pipeline.slug)
        return BuiltProject(
            id=pipeline.project_id,
            slug=posted_slug(pipeline.slug),
            name=project.name,
            organization=project.organization_name,
        )


def _has_ended(workflow: ListedWorkflow) -> bool:
    return workflow.status in ENDED or (workflow.status == "not_run" and workflow.stopped_at is not None)


def _has_run(job: ListedJob) -> bool:
    return job.job_number is not None and job.status in ENDED_JOBS and job.stopped_at is not None and bool(job.id)


def _known_runs(transaction: Transaction, ids: Collection[str]) -> frozenset[str]:
    """Return those of these workflows that are on record."""
    of = {one: runs.to_id(one) for one in ids}
    there = runs.find_all(transaction, set(of.values()))
    return frozenset(one for one, run_id in of.items() if run_id in there)


def _known_project(transaction: Transaction, project_id: str, slug: str) -> BuiltProject | None:
    """Return a project as its webhooks named it; None if none came."""
    found = reconciling.project_of_slug(transaction, slug_spellings(slug))
    organization = reconciling.organization_of(transaction, project_id)
    if found is None or organization is None:
        return None
    name = found[2] and found[2].removeprefix(f"{organization}/")  # a track's has the organization before it
    return BuiltProject(id=found[0], slug=found[1], name=name, organization=organization)
