"""Forgetting what has been kept for long enough, a little at a time, so that nobody at the door has to wait for it."""

import asyncio

import structlog

from service.pipeline.parts import Parts
from service.store import retention

AT_A_TIME = 100  # events in a transaction: some tens of milliseconds
PAUSE_S = 0.1  # in between, for others who want to write

log = structlog.get_logger()


async def prune(parts: Parts, *, at_a_time: int = AT_A_TIME) -> None:
    """Forget every event received longer ago than we keep them, except what still waits for somebody."""
    before, count, mark = parts.clock() - parts.keep_for, 0, None
    while True:
        async with parts.store.writing() as transaction:
            pruned = await retention.prune(transaction, before=before, beyond=mark, limit=at_a_time)
        count, mark = count + pruned.count, pruned.mark
        if mark is None:
            break
        await asyncio.sleep(PAUSE_S)
    if count:
        log.info("old events were forgotten", events=count, received_before=before.isoformat())
