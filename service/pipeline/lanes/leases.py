"""Leases of late sends: a send that outlasts its job keeps notification and lane."""

import asyncio
from collections.abc import Awaitable, Sequence

import structlog

from service.db.tables import Transaction
from service.model import Attempt, Notification
from service.pipeline.context import Context
from service.pipeline.lanes.lane_heads import enqueue_heads
from service.pipeline.lanes.late_sends import LEASE, RENEW_EVERY_S
from service.queue.handlers import run_guarded
from service.store.notifications import notifications

log = structlog.get_logger()


def lease(transaction: Transaction, context: Context, attempt: Attempt, notification: Notification) -> None:
    """Lease notification and lane to a late send.

    It stays the head of its lane: if this process ends, another one continues after the lease.
    """
    extend_lease(transaction, context, attempt, notification.lane)
    enqueue_heads(transaction, context.jobs, [notification], context.clock())


def extend_lease(transaction: Transaction, context: Context, attempt: Attempt, lane: str) -> None:
    """Extend the lease of an attempt; do nothing if another has replaced it."""
    until = context.clock() + LEASE
    if notifications.block_until(transaction, attempt, until=until):
        context.jobs.pause_lane(lane, within=transaction, until=until)


def end_lease(transaction: Transaction, context: Context, notification: Notification) -> None:
    """End the lease on the lane of a late send; do nothing for other sends."""
    if notification.id in context.late_sends:
        context.jobs.pause_lane(notification.lane, within=transaction, until=context.clock())


async def renew_while(context: Context, attempt: Attempt, lane: str, ending: Awaitable[None]) -> Exception | None:
    """Renew the lease until a late send has ended; return the error of its record."""
    end = asyncio.ensure_future(run_guarded("a late send", ending))
    try:
        while not (await asyncio.wait({end}, timeout=RENEW_EVERY_S))[0]:
            renewing = context.store.write(extend_lease, context, attempt, lane)
            await run_guarded("the lease of a late send", renewing)
    finally:
        end.cancel()
    return end.result()


async def finish_sends(context: Context) -> None:
    """Wait for late sends while the grace lasts; record the others as interrupted.

    Each of these is sent again, by another process or after the next start.
    """
    left = await context.late_sends.finish()
    if not left:
        return
    log.warning("sends are cut off: their messages are sent again", sends=len(left))
    await run_guarded("the record of cut off sends", context.store.write(_record_interrupted, context, left))


def _record_interrupted(transaction: Transaction, context: Context, attempts: Sequence[Attempt]) -> None:
    now, ended = context.clock(), list[Notification]()
    for attempt in attempts:
        if notifications.end_interrupted(transaction, attempt.notification_id, now, number=attempt.number):
            notification = notifications.find(transaction, attempt.notification_id)
            context.jobs.pause_lane(notification.lane, within=transaction, until=now)
            ended.append(notification)
    enqueue_heads(transaction, context.jobs, ended, now)
