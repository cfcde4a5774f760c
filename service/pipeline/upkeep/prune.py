"""Delete old records in small batches, so that webhooks do not wait for long."""

import asyncio
from datetime import datetime, timedelta

import structlog

from service.pipeline.context import Context
from service.store.circleci import guards, spans
from service.store.incidents import incident_search, silences
from service.store.notifications import living_messages, project_keys
from service.store.people import sessions
from service.store.test_history import test_results
from service.store.upkeep import retention

BATCH_SIZE = 100  # events in a transaction: some tens of milliseconds
PAUSE_S = 0.1  # between batches, for other writers
KEEP_STEPS = timedelta(days=14)  # those that passed: nine of ten spans are such, and nothing asks for older ones

log = structlog.get_logger()


async def prune(context: Context, *, batch_size: int = BATCH_SIZE) -> None:
    """Delete records older than ``keep_for``, except those that wait for a person."""
    before = context.clock() - context.keep_for
    await context.store.write(living_messages.prune, before=before)  # found by their incidents: they go first
    count = await _prune_events(context, before, batch_size) + await _prune_others(context, before, batch_size)
    await _prune_tests(context, before, batch_size)
    await _prune_spans(context, before, batch_size)
    await context.store.write(sessions.prune, now=context.clock())
    await context.store.write(silences.prune, before=before)
    await _name_projects(context, batch_size)
    if count:
        log.info("what is old was forgotten", deliveries=count, received_before=before.isoformat())


async def _name_projects(context: Context, batch_size: int) -> None:
    """Fill in the projects of notifications of a process of an older release."""
    while True:
        if await context.store.write(project_keys.fill_in, limit=batch_size) < batch_size:
            return
        await asyncio.sleep(PAUSE_S)


async def _prune_events(context: Context, before: datetime, batch_size: int) -> int:
    count, mark = 0, None
    while True:
        now = context.clock()
        pruned = await context.store.write_alone(retention.prune, before=before, beyond=mark, limit=batch_size, now=now)
        count, mark = count + pruned.count, pruned.mark
        if mark is None:
            return count
        await asyncio.sleep(PAUSE_S)


async def _prune_others(context: Context, before: datetime, batch_size: int) -> int:
    """Delete what has no event.

    These are dismissed deliveries, messages of Roundsman's own, incidents that are over, and changes of settings.
    """
    count = 0
    for delete in (retention.prune_dismissed, retention.prune_own, incident_search.prune, guards.prune):
        while True:
            pruned = await context.store.write_alone(delete, before=before, limit=batch_size, now=context.clock())
            count += pruned
            if pruned < batch_size:
                break
            await asyncio.sleep(PAUSE_S)
    return count


async def _prune_tests(context: Context, before: datetime, batch_size: int) -> None:
    while True:
        if await context.store.write_alone(test_results.prune, before=before, limit=batch_size) < batch_size:
            return
        await asyncio.sleep(PAUSE_S)


async def _prune_spans(context: Context, before: datetime, batch_size: int) -> None:
    """Delete old spans; of steps that passed those that nothing asks for already."""
    of_steps = max(before, context.clock() - KEEP_STEPS)
    for delete, oldest in ((spans.prune, before), (spans.prune_passed_steps, of_steps)):
        while True:
            if await context.store.write_alone(delete, before=oldest, limit=batch_size) < batch_size:
                break
            await asyncio.sleep(PAUSE_S)
