"""Log and measure each queue job: its outcome and its duration."""

import asyncio
from time import perf_counter
from uuid import UUID

import structlog
from structlog.contextvars import bind_contextvars

from service.errors import Temporary
from service.metrics import Metrics
from service.queue.handlers import Handler

# These kinds log a send or a decision themselves; a job of them that had nothing to do is not logged.
LOGS_ITSELF = frozenset({"send", "judge"})

log = structlog.get_logger()


def instrumented(kind: str, handler: Handler, metrics: Metrics) -> Handler:
    """Return a handler that logs the end of each job and measures its duration.

    One line per job has its kind, subject, outcome and milliseconds. A job runs in a task of its own, so the kind and
    subject bound here are in all its log lines, also in those about its failure.
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
