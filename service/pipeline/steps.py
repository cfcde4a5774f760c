"""Queue job handlers: process, ask, judge, enrich, send; the sweep and pruning."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.errors import NotFound, Temporary
from service.model import Receiver, Route
from service.pipeline.context import Context, RetryPolicy
from service.pipeline.enrich import enrich, retry_enrich, send_without_details
from service.pipeline.instrument import instrumented
from service.pipeline.process import decide_at_deadline, fetch_then_decide, mark_dead, process
from service.pipeline.prune import prune
from service.pipeline.requeue_lost import sweep
from service.pipeline.send import fail_send, send
from service.queue.handlers import Handler
from service.store import deliveries

__all__ = ["PRUNE_EVERY_S", "SWEEP_EVERY_S", "Context", "Pipeline", "RetryPolicy"]

SWEEP_EVERY_S = 30.0
PRUNE_EVERY_S = 3600.0

log = structlog.get_logger()


class Pipeline:
    """The queue job handlers, and the recovery from their unexpected errors."""

    def __init__(self, context: Context) -> None:
        self._context = context
        steps = {
            "process": process,
            "ask": fetch_then_decide,
            "judge": decide_at_deadline,
            "enrich": enrich,
            "revisit": enrich,
            "send": send,
        }
        self.handlers: dict[str, Handler] = {
            kind: instrumented(kind, self._bind_context(step), context.metrics) for kind, step in steps.items()
        }

    def _bind_context(self, step: Callable[[Context, UUID], Awaitable[None]]) -> Handler:
        """Return a handler that keeps the routes and receivers from its start to its end."""

        async def handle(subject_id: UUID) -> None:
            await step(self._context, subject_id)

        return handle

    def reload(self, *, routes: Sequence[Route], receivers: Mapping[str, Receiver]) -> None:
        """Use other routes and receivers from the next job on."""
        self._context = replace(self._context, routes=routes, receivers=receivers)

    async def sweep(self) -> None:
        """Enqueue overdue work that has no queue job."""
        await sweep(self._context)

    async def prune(self) -> None:
        """Delete records older than ``keep_for``."""
        await prune(self._context)

    async def failed(self, kind: str, subject_id: UUID, error: Exception) -> None:
        """Retry the work of a failed job later or another way, or mark it dead.

        No work gets lost.
        """
        reason = f"{type(error).__name__}: {error}"
        match kind, error:
            case _, NotFound():
                log.warning("a job's subject is gone", job=kind, reason=str(error))
            case "process" | "ask" | "judge", _:
                await self._process_failed(subject_id, error, reason)
            case "enrich" | "revisit", _:
                await self._enrich_failed(subject_id, error, reason)
            case _:
                await fail_send(self._context, subject_id, error)

    async def _process_failed(self, delivery_id: UUID, error: Exception, reason: str) -> None:
        context, is_temporary = self._context, isinstance(error, Temporary)
        allowed = context.retry_policy.max_put_offs if is_temporary else context.retry_policy.max_failures

        def go_on(transaction: Transaction) -> int:
            failures = deliveries.count_failure(transaction, delivery_id, reason, is_temporary=is_temporary)
            if failures < allowed:
                at = context.clock() + context.retry_policy.pause(failures)
                context.jobs.enqueue("process", delivery_id, within=transaction, at=at)
            return failures

        failures = await context.store.write(go_on)
        if failures >= allowed:
            next_step = "mend that and replay it" if is_temporary else "please report this"
            await mark_dead(context, delivery_id, f"judging it failed {failures} times; {next_step}: {reason}")

    async def _enrich_failed(self, event_id: UUID, error: Exception, reason: str) -> None:
        context = self._context
        if not isinstance(error, Temporary):
            await send_without_details(context, event_id, f"asking CircleCI failed; please report this: {reason}")
            return
        await retry_enrich(context, event_id, reason)
