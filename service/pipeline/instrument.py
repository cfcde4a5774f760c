"""Jobs as they are instrumented: how each ended and how long it took, in the log and in the numbers."""

import asyncio
from time import perf_counter
from uuid import UUID

import structlog
from structlog.contextvars import bind_contextvars

from service.errors import Temporary
from service.metrics import Metrics
from service.queue.handlers import Handler

LOGS_ITSELF = frozenset({"send", "judge"})  # having found nothing to send, or to judge, is no news

log = structlog.get_logger()


def instrumented(kind: str, handler: Handler, metrics: Metrics) -> Handler:
    """The handler, with one line in the log for each job at its end: the job, its subject, outcome, milliseconds.

    A job is a task of its own, so what is bound to its lines here stays bound to all that follow, even those about
    its failure.
    """

    async def handle(subject_id: UUID) -> None:
        bind_contextvars(job=kind, subject=str(subject_id))
        began, outcome = perf_counter(), "failed"
        try:
            await handler(subject_id)
            outcome = "done"
        except Temporary:
            outcome = "put_off"
            raise
        except asyncio.CancelledError:
            outcome = "cut_off"
            raise
        finally:
            took_s = perf_counter() - began
            metrics.job_seconds.labels(kind, outcome).observe(took_s)
            if kind not in LOGS_ITSELF or outcome != "done":
                log.info("job", outcome=outcome, ms=round(took_s * 1000, 1))

    return handle
