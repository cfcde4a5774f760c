"""Seal what is new, once a minute, in batches.

Nothing of it is done when a post arrives. Hashes are made while the database is only read; a batch is written in a
short transaction, and one of two workers that seal at once finds that the chain has grown, and leaves it to the other.
"""

import asyncio

import structlog

from service.pipeline.context import Context
from service.store.audit import seals

SEAL_EVERY_S = 60.0
BATCH_SIZE = 200  # rows of each table: some tens of milliseconds
PAUSE_S = 0.05  # between batches, for webhooks and other writers

log = structlog.get_logger()


async def seal(context: Context, *, batch_size: int = BATCH_SIZE) -> int:
    """Seal all new rows; return their number."""
    count = 0
    while True:
        batch = await context.store.snapshot(seals.read_batch, now=context.clock(), limit=batch_size)
        if batch is None or not await context.store.write(seals.append_rows, batch, context.clock()):
            return count
        count += len(batch.rows)
        if batch.is_complete:
            break
        await asyncio.sleep(PAUSE_S)
    if count > batch_size:
        log.info("many rows were sealed", rows=count, covered_until=batch.covered_until.isoformat())
    return count
