"""Forgetting what has been kept for long enough, a little at a time, so that no webhook has to wait for it."""

import asyncio
from datetime import datetime

import structlog

from service.pipeline.context import Context
from service.store import retention, sessions

BATCH_SIZE = 100  # events in a transaction: some tens of milliseconds
PAUSE_S = 0.1  # in between, for others who want to write

log = structlog.get_logger()


async def prune(context: Context, *, batch_size: int = BATCH_SIZE) -> None:
    """Forget what was received longer ago than we keep it, except what still waits for somebody."""
    before = context.clock() - context.keep_for
    count = await _prune_events(context, before, batch_size) + await _prune_dismissed(context, before, batch_size)
    await context.store.write(sessions.prune, now=context.clock())
    if count:
        log.info("what is old was forgotten", deliveries=count, received_before=before.isoformat())


async def _prune_events(context: Context, before: datetime, batch_size: int) -> int:
    count, mark = 0, None
    while True:
        pruned = await context.store.write(retention.prune, before=before, beyond=mark, limit=batch_size)
        count, mark = count + pruned.count, pruned.mark
        if mark is None:
            return count
        await asyncio.sleep(PAUSE_S)


async def _prune_dismissed(context: Context, before: datetime, batch_size: int) -> int:
    count = 0
    while True:
        pruned = await context.store.write(retention.prune_dismissed, before=before, limit=batch_size)
        count += pruned
        if pruned < batch_size:
            return count
        await asyncio.sleep(PAUSE_S)
