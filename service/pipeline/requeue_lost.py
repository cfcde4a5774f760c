"""The sweep: enqueue work whose queue job was lost, after about a minute."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from service.db.tables import Transaction
from service.pipeline.context import Context
from service.queue import lost_jobs

OVERDUE = timedelta(seconds=60)
BATCH_SIZE = 2_000  # rows in a query: some tens of milliseconds
PAUSE_S = 0.1  # between batches, for other work: a long backlog means high load

log = structlog.get_logger()


async def sweep(context: Context, *, batch_size: int = BATCH_SIZE) -> None:
    """Enqueue overdue work that has no queue job.

    An error in the query of one kind does not stop the others; it is raised at the end.
    """
    before = context.clock() - OVERDUE
    queries = (lost_jobs.UNSENT, lost_jobs.STUCK_SENDING)
    runs = [_requeue_kind(context, query, before, batch_size) for query in queries]
    for error in await asyncio.gather(*runs, return_exceptions=True):
        if error is not None:
            raise error


async def _requeue_kind(context: Context, query: lost_jobs.OverdueQuery, before: datetime, batch_size: int) -> None:
    mark = None
    while True:
        found = await context.store.read(lost_jobs.find_lost, query, before=before, beyond=mark, limit=batch_size)
        if found.lost:
            await context.store.write(_enqueue, context, query.kind, found.lost)
            log.warning("overdue work was enqueued again", job=query.kind, jobs=len(found.lost))
        if (mark := found.mark) is None:
            return
        await asyncio.sleep(PAUSE_S)


def _enqueue(transaction: Transaction, context: Context, kind: str, lost: Sequence[tuple[UUID, str | None]]) -> None:
    for subject_id, lane in lost:
        context.jobs.enqueue(kind, subject_id, within=transaction, lane=lane)
