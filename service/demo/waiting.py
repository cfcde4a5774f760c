"""Approvals of the demo: looked for at CircleCI, which posts nothing of them.

The service does that by itself where it lists pipelines; in the demo it does not, since some posts fail on purpose.
"""

from datetime import datetime

from service.app.service import Service
from service.circleci.circleci import CircleCI
from service.errors import Permanent, Temporary
from service.model.reconciling import PipelineToAsk, Urgency
from service.pipeline.reconciling.call_budget import BudgetSpent, StepBudget
from service.pipeline.reconciling.find_holds import find_holds
from service.pipeline.reconciling.missed_posts import MissedWebhooks
from service.testing.fake_circleci.organization import Run

CALLS = 1_000


async def look_for_approvals(service: Service, run: Run) -> None:
    """Have Roundsman see what a run waits for, and what it waits for no longer."""
    context, source = service.context, service.context.source
    if not isinstance(source, CircleCI):
        return
    missed = MissedWebhooks(
        store=context.store,
        source=source,
        budget=StepBudget(context.store, CALLS, clock=context.clock, has_room=lambda: True),
        clock=context.clock,
        metrics=context.metrics,
        holds_of=frozenset({run.project.id}),
    )
    pipeline = _pipeline(run, context.clock())
    try:
        await find_holds(missed, pipeline, (await missed.look(pipeline)).workflows)
    except (BudgetSpent, Temporary, Permanent):
        return  # the summary says that the approval is missing


def _pipeline(run: Run, now: datetime) -> PipelineToAsk:
    return PipelineToAsk(
        id=run.pipeline_id,
        project_id=run.project.id,
        slug=run.project.slug,
        created_at=run.pushed_at,
        urgency=Urgency.UNFINISHED,
        due_at=now,
    )
