"""Find the approvals that the workflows of a pipeline wait for, and their ends.

CircleCI posts nothing of a hold. A new one is an event of ours, told once by routes that ask for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from service.circleci.api.pipelines import ListedWorkflow
from service.circleci.api.responses import ListedJob
from service.circleci.rebuilt import ON_HOLD, ended_hold_body, held_body
from service.db.tables import Transaction
from service.errors import Permanent, Temporary
from service.model import Delivery
from service.model.holds import Hold
from service.model.reconciling import PipelineToAsk
from service.pipeline.reconciling.missed_posts import MissedWebhooks
from service.store.circleci import holds
from service.store.deliveries import deliveries


async def find_holds(missed: MissedWebhooks, pipeline: PipelineToAsk, workflows: Sequence[ListedWorkflow]) -> None:
    """Keep new holds of a pipeline, and end those that are over.

    workflows   as CircleCI has just listed them

    Raises BudgetSpent, Temporary or Permanent.
    """
    there = await missed.store.read(holds.of_pipeline, pipeline.id)
    waiting = [one for one in workflows if one.status == ON_HOLD and one.id]
    concerned = {one.id for one in waiting} | {one.workflow_id for one in there}
    for workflow in workflows:
        if workflow.id in concerned and workflow.id is not None:
            jobs = await missed.jobs_of(workflow.id)
            ended = [one for one in there if one.workflow_id == workflow.id]
            await _end_each(missed, pipeline, workflow, there=ended, jobs=jobs)
            if workflow.status == ON_HOLD and pipeline.project_id in missed.holds_of:
                await _add_new(missed, pipeline, workflow, jobs)


async def _add_new(
    missed: MissedWebhooks, pipeline: PipelineToAsk, workflow: ListedWorkflow, jobs: Sequence[ListedJob]
) -> None:
    held = [one for one in jobs if one.type == "approval" and one.status == ON_HOLD and one.id]
    known = await missed.store.read(holds.known, [one.id for one in held if one.id])
    for approval in held:
        if approval.id is None or approval.id in known:
            continue
        of = await missed.built(pipeline)
        since = approval.started_at or missed.clock()
        await missed.keep([held_body(of, workflow, approval, since)])
        hold = Hold(
            job_id=approval.id,
            workflow_id=workflow.id or "",
            pipeline_id=pipeline.id,
            project=pipeline.slug,
            pipeline_number=of.pipeline.number,
            branch=of.branch,
            workflow=workflow.name,
            job=approval.name,
            since=since,
            url=of.page_of(workflow),
        )
        await missed.store.write(holds.add, hold)


async def _end_each(
    missed: MissedWebhooks,
    pipeline: PipelineToAsk,
    workflow: ListedWorkflow,
    *,
    there: Sequence[Hold],
    jobs: Sequence[ListedJob],
) -> None:
    by_id = {one.id: one for one in jobs}
    for hold in there:
        approval = by_id.get(hold.job_id)
        if approval is not None and approval.status == ON_HOLD and workflow.status not in {"canceled", "success"}:
            continue
        is_approved = approval is not None and (approval.approved_by is not None or approval.status == "success")
        by = await _name(missed, approval.approved_by) if approval is not None and approval.approved_by else None
        at, ended_as = _end_of(approval, workflow, missed.clock()), "approved" if is_approved else "canceled"
        of = await missed.built(pipeline)
        told = missed.delivery(ended_hold_body(of, workflow, hold, at=at, ended_as=ended_as))
        await missed.store.write(_end, replace(hold, ended_at=at, ended_as=ended_as, approved_by=by), told)


def _end(transaction: Transaction, hold: Hold, told: Delivery) -> None:
    """Note the end of a hold, and keep the post of ours that tells of it."""
    holds.end(transaction, hold)
    deliveries.keep_many(transaction, [told])


def _end_of(approval: ListedJob | None, workflow: ListedWorkflow, now: datetime) -> datetime:
    stopped = approval.stopped_at if approval is not None else None
    return stopped or workflow.stopped_at or now


async def _name(missed: MissedWebhooks, user_id: str) -> str | None:
    """Return the name of the person who approved; None if CircleCI does not say it."""
    await missed.budget.take()
    try:
        user = await missed.source.api.user(user_id)
    except (Temporary, Permanent):
        return None
    return user.name or user.login
