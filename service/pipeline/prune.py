"""Forgetting what has been kept for long enough, a little at a time, so that no webhook has to wait for it."""

import asyncio
from datetime import datetime

import structlog

from service.pipeline.context import Context
from service.store import retention, sessions

AT_A_TIME = 100  # events in a transaction: some tens of milliseconds
PAUSE_S = 0.1  # in between, for others who want to write

log = structlog.get_logger()


async def prune(context: Context, *, at_a_time: int = AT_A_TIME) -> None:
    """Forget what was received longer ago than we keep it, except what still waits for somebody."""
    before = context.clock() - context.keep_for
    count = await _events(context, before, at_a_time) + await _dismissed(context, before, at_a_time)
    await context.store.write(sessions.prune, now=context.clock())
    if count:
        log.info("what is old was forgotten", deliveries=count, received_before=before.isoformat())


async def _events(context: Context, before: datetime, at_a_time: int) -> int:
    count, mark = 0, None
    while True:
        pruned = await context.store.write(retention.prune, before=before, beyond=mark, limit=at_a_time)
        count, mark = count + pruned.count, pruned.mark
        if mark is None:
            return count
        await asyncio.sleep(PAUSE_S)


async def _dismissed(context: Context, before: datetime, at_a_time: int) -> int:
    count = 0
    while True:
        pruned = await context.store.write(retention.prune_dismissed, before=before, limit=at_a_time)
        count += pruned
        if pruned < at_a_time:
            return count
        await asyncio.sleep(PAUSE_S)
