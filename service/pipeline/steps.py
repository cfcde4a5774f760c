"""The steps of the flow, each with its failure policy.

A kept delivery is decided on in a batch; its details are fetched for a decision, a message or a page; a message is
sent. An operation that fails is tried again later or another way, or ends as a dead letter: no work gets lost.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import structlog

from service.errors import NotFound
from service.model import Budget, Digest, Fetch, FetchPurpose, KnownProblem, Person, Receiver, Route, SealCopies
from service.pipeline.alarms.watch_alarms import WATCH_EVERY_S, watch_alarms
from service.pipeline.alarms.watch_budgets import watch_budgets
from service.pipeline.alarms.watch_chain import ChainWatch
from service.pipeline.context import Context, RetryPolicy
from service.pipeline.digests.digests import DIGEST_EVERY_S, plan_digests
from service.pipeline.enrich import enrich, enrich_failed
from service.pipeline.fetching.ask_insights import ask_insights
from service.pipeline.fetching.ask_projects import ASK_EVERY_S, AskedProjects, ask_projects
from service.pipeline.fetching.fetch_facts import fetch_facts, fetch_facts_failed
from service.pipeline.fetching.fetch_usage import UsageFetcher
from service.pipeline.fetching.guards import LOOK_EVERY_S, look_at_guards
from service.pipeline.instrument import instrumented
from service.pipeline.judgment.expire import EXPIRE_EVERY_S, expire_incidents
from service.pipeline.lanes.lane_heads import sweep
from service.pipeline.news.edit_living import EDIT_EVERY_S, edit_living
from service.pipeline.planning.reminders import REMIND_EVERY_S, remind
from service.pipeline.process import Batch, process_batch, put_off_first
from service.pipeline.reconciling.reconcile import RECONCILE_EVERY_S, Reconciler
from service.pipeline.send import fail_send, send
from service.pipeline.upkeep.prune import prune
from service.pipeline.upkeep.seal import SEAL_EVERY_S, seal
from service.pipeline.upkeep.seal_copies import copy_seal
from service.queue.handlers import Handler, run_guarded
from service.routing.projects import NO_RULES, ProjectRules
from service.store.events import fetches

__all__ = [
    "ASK_EVERY_S",
    "DIGEST_EVERY_S",
    "EDIT_EVERY_S",
    "EXPIRE_EVERY_S",
    "LOOK_EVERY_S",
    "PRUNE_EVERY_S",
    "RECONCILE_EVERY_S",
    "REMIND_EVERY_S",
    "SEAL_EVERY_S",
    "SWEEP_EVERY_S",
    "WATCH_EVERY_S",
    "Context",
    "Pipeline",
    "RetryPolicy",
]

SWEEP_EVERY_S = 30.0
PRUNE_EVERY_S = 3600.0

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class FetchStep:
    """A step that fetches, and the record of its failure."""

    run: Callable[[Context, Fetch], Awaitable[None]]
    failed: Callable[[Context, Fetch, Exception], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class JobStep:
    """A step that is a queue job, and the record of its failure."""

    run: Callable[[Context, UUID], Awaitable[None]]
    failed: Callable[[Context, UUID, Exception], Awaitable[None]]


FETCHES: Mapping[FetchPurpose, FetchStep] = {
    FetchPurpose.DECISION: FetchStep(run=fetch_facts, failed=fetch_facts_failed),
    FetchPurpose.MESSAGE: FetchStep(run=enrich, failed=enrich_failed),
    FetchPurpose.PAGE: FetchStep(run=enrich, failed=enrich_failed),
    FetchPurpose.TESTS: FetchStep(run=enrich, failed=enrich_failed),
}
JOBS: Mapping[str, JobStep] = {"send": JobStep(run=send, failed=fail_send)}


class Pipeline:
    """The steps, bound to a context that a reload replaces."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asked = AskedProjects()
        self._reconciler = Reconciler()
        self._usage = UsageFetcher()
        self._chain = ChainWatch()
        self.handlers: dict[str, Handler] = {
            kind: instrumented(kind, self._bind_context(step.run), context.metrics) for kind, step in JOBS.items()
        }

    @property
    def context(self) -> Context:
        """The context that a step which begins now gets."""
        return self._context

    def _bind_context(self, step: Callable[[Context, UUID], Awaitable[None]]) -> Handler:
        """Return a handler that keeps the routes and receivers from its start to its end."""

        async def handle(subject_id: UUID) -> None:
            await step(self._context, subject_id)

        return handle

    def reload(  # noqa: PLR0913 - one argument for each part of roundsman.yaml
        self,
        *,
        routes: Sequence[Route],
        receivers: Mapping[str, Receiver],
        operators: str | None = None,
        seal_copies: SealCopies | None = None,
        known_problems: Sequence[KnownProblem] = (),
        people: Sequence[Person] = (),
        digests: Sequence[Digest] = (),
        budgets: Sequence[Budget] = (),
        projects: ProjectRules = NO_RULES,
    ) -> None:
        """Use another state of roundsman.yaml from the next step on."""
        changed = replace(self._context, routes=routes, receivers=receivers, operators=operators, projects=projects)
        changed = replace(changed, seal_copies=seal_copies, budgets=budgets)
        self._context = replace(changed, known_problems=known_problems, people=people, digests=digests)

    async def process(self, *, limit: int) -> Batch:
        """Decide on up to ``limit`` due deliveries."""
        return await process_batch(self._context, limit=limit)

    async def put_off_first(self, error: Exception) -> None:
        """Put off the delivery that fails by itself, and count that."""
        await put_off_first(self._context, error)

    async def fetch(self, fetch: Fetch) -> None:
        """Fetch an event's details; record the failure if that fails."""
        step, context = FETCHES[fetch.purpose], self._context
        kind = f"fetch_{fetch.purpose}"
        run = instrumented(kind, lambda _: step.run(context, fetch), context.metrics)
        error = await run_guarded(kind, run(fetch.event_id))
        if isinstance(error, NotFound):
            await run_guarded("the end of a fetch", context.store.write(fetches.end, fetch))
        elif error is not None:  # if this fails too, the lease of the fetch ends by itself
            await run_guarded("a failure's record", step.failed(context, fetch, error))

    async def sweep(self) -> None:
        """Enqueue the heads of lanes that have no job."""
        await sweep(self._context)

    async def watch_alarms(self) -> None:
        """Tell the operators of troubles of Roundsman's own."""
        await watch_alarms(self._context)
        await watch_budgets(self._context)
        await self._chain.look(self._context)

    async def remind(self) -> None:
        """Remind people of incidents that no one has taken."""
        await remind(self._context)

    async def edit_living(self) -> None:
        """Edit the living messages of incidents that changed without news."""
        await edit_living(self._context)

    async def expire_incidents(self) -> None:
        """Close incidents of tracks that had no run for long."""
        await expire_incidents(self._context)

    async def ask_projects(self) -> None:
        """Ask CircleCI for facts of projects, then for its figures and usage."""
        await ask_projects(self._context, self._asked)
        await ask_insights(self._context)
        await self._usage.step(self._context)

    async def reconcile(self) -> None:
        """Find webhooks that never came."""
        await self._reconciler.step(self._context)

    async def plan_digests(self) -> None:
        """Plan the digests whose time has come."""
        await plan_digests(self._context)

    async def seal(self) -> None:
        """Seal the rows that are new, and copy the newest seal."""
        await seal(self._context)
        await copy_seal(self._context)

    async def look_at_guards(self) -> None:
        """Compare the settings that guard builds, and tell of changes."""
        await look_at_guards(self._context)

    async def prune(self) -> None:
        """Delete records older than ``keep_for``."""
        await prune(self._context)

    async def failed(self, kind: str, subject_id: UUID, error: Exception) -> None:
        """Retry the work of a failed job later or another way, or mark it dead."""
        if isinstance(error, NotFound):
            log.warning("a job's subject is gone", job=kind, reason=str(error))
        else:
            await JOBS[kind].failed(self._context, subject_id, error)
