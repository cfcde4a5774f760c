"""Enqueue the head of each lane, and find the lanes that lost theirs."""

from collections.abc import Iterable
from datetime import datetime

import structlog

from service.db.tables import Transaction
from service.model import Notification
from service.pipeline.context import Context
from service.queue import lane_heads
from service.queue.base import JobQueue

log = structlog.get_logger()


def enqueue_heads(transaction: Transaction, jobs: JobQueue, changed: Iterable[Notification], now: datetime) -> None:
    """Have the engine hold one job for each lane of changed notifications.

    Last in its transaction: until the end of it, others wait to do the same to these lanes.
    """
    _enqueue_heads(transaction, jobs, {notification.lane for notification in changed}, now)


def _enqueue_heads(transaction: Transaction, jobs: JobQueue, lanes: Iterable[str], now: datetime) -> None:
    for lane in sorted(lanes):
        lane_heads.lock(transaction, lane)
        jobs.set_head(lane, "send", lane_heads.find(transaction, lane, now), within=transaction)


async def sweep(context: Context, *, max_lanes: int = 20) -> None:
    """Enqueue the heads of lanes in which messages wait and that have no job.

    max_lanes   that one transaction locks
    """
    lost = list(await context.store.read(lane_heads.find_headless))
    for start in range(0, len(lost), max_lanes):
        some = lost[start : start + max_lanes]
        await context.store.write(_enqueue_heads, context.jobs, some, context.clock())
        log.warning("lanes without a job got one", lanes=len(some))
