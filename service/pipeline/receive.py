"""The line: deliveries that wait to be kept. Those that wait together are committed together.

A commit waits for the disk, and a disk is as slow for one delivery as for a hundred. Those that come while a commit is
under way form the next batch; so one that comes alone is committed at once, and no timer must find it company.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.model import Delivery
from service.queue.base import JobQueue
from service.store import deliveries

KEEP_TIMEOUT_S = 8.0  # CircleCI gives up after 10 s (docs, "Outbound webhooks"): answer while it still listens
RETRY_AFTER_S = 10
MAX_JOB_DELAY_S = 0.05  # so, even in the longest rush, twenty jobs begin in a second
BUSY_BATCH_SIZE = 8  # so many in one batch come faster than anybody can judge and tell
MAX_PENDING = 2_000
MAX_PENDING_BYTES = 64 * 2**20
MAX_BATCH = 100
MAX_BATCH_BYTES = 8 * 2**20

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class StoredDelivery:
    """Where a delivery is on record, and whether it was there before."""

    id: UUID
    is_duplicate: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingDelivery:
    """A delivery in line, and what its sender waits for; ``kept`` is cancelled when nobody waits any longer."""

    delivery: Delivery
    kept: asyncio.Future[StoredDelivery]

    def time_out(self) -> None:
        """Tell the sender that it took too long, whatever becomes of the delivery."""
        if not self.kept.done():
            self.kept.set_exception(Temporary(f"the delivery could not be kept within {KEEP_TIMEOUT_S:.0f} s"))


class GroupCommitter:
    """Keeps deliveries in the order of their arrival, each with the job that will judge it, all or nothing."""

    def __init__(self, store: Store, jobs: JobQueue) -> None:
        self._store = store
        self._jobs = jobs
        self._pending: deque[PendingDelivery] = deque()
        self._pending_bytes = 0
        self._committing: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._busy_until = 0.0  # by the event loop's clock
        self._yield_lock = asyncio.Lock()

    async def keep(self, delivery: Delivery) -> StoredDelivery:
        """Wait until the delivery is on disk. Raises Temporary when that is not to be had in time, or at all now."""
        if self._is_full(delivery):
            raise Temporary("too many deliveries wait to be kept", retry_after_s=RETRY_AFTER_S)
        loop = asyncio.get_running_loop()
        pending = PendingDelivery(delivery=delivery, kept=loop.create_future())
        self._pending.append(pending)
        self._pending_bytes += len(delivery.body)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_batches())
        timer = loop.call_later(KEEP_TIMEOUT_S, pending.time_out)
        try:
            return await pending.kept
        except Temporary as error:
            raise Temporary(error.sentence, inside=error.inside, retry_after_s=RETRY_AFTER_S) from error
        finally:
            timer.cancel()

    def _is_full(self, delivery: Delivery) -> bool:
        """No room for one more; the first in line is let in whatever its size, or it never would be."""
        is_too_much = self._pending_bytes + len(delivery.body) > MAX_PENDING_BYTES
        return len(self._pending) >= MAX_PENDING or (is_too_much and bool(self._pending))

    @property
    def has_backlog(self) -> bool:
        """Somebody waits who is not even in the commit that is under way; or the next of a rush are about to.

        Many senders post again as soon as they are answered: between two of their batches the line is empty.
        """
        return bool(self._pending) or asyncio.get_running_loop().time() < self._busy_until

    async def wait_for_idle(self) -> None:
        """Return when nobody presses, or after ``MAX_JOB_DELAY_S``: for work that may as well begin a little later.

        One returns at a time, so that a lull in a rush lets one piece of work in, and not all that there is.
        """
        async with self._yield_lock:
            if self.has_backlog:
                self._idle = asyncio.get_running_loop().create_future()
                await asyncio.wait([self._idle], timeout=MAX_JOB_DELAY_S)

    async def _commit_batches(self) -> None:
        """Keep one batch after the other until nobody is left: a task of its own, which no sender can take away."""
        while self._pending:
            await self._collect_batch()
            if batch := self._next_batch():
                await self._commit(batch)
            if len(batch) >= BUSY_BATCH_SIZE:
                self._busy_until = asyncio.get_running_loop().time() + MAX_JOB_DELAY_S
        if self._idle and not self._idle.done() and not self.has_backlog:
            self._idle.set_result(None)

    async def _collect_batch(self) -> None:
        """Let in all that have batch_deliveries by now: until the event loop has gone round and found no more."""
        seen = 0
        while seen < len(self._pending) < MAX_BATCH:
            seen = len(self._pending)
            await asyncio.sleep(0)

    def _next_batch(self) -> list[PendingDelivery]:
        """The first in line, without those whose senders have gone."""
        batch: list[PendingDelivery] = []
        size = 0
        while self._pending and len(batch) < MAX_BATCH and size < MAX_BATCH_BYTES:
            pending = self._pending.popleft()
            self._pending_bytes -= len(pending.delivery.body)
            if not pending.kept.done():
                batch.append(pending)
                size += len(pending.delivery.body)
        return batch

    async def _commit(self, batch: Sequence[PendingDelivery]) -> None:
        """Answer everybody in a batch. When it fails by something in it, only those whose fault it is may suffer."""
        [outcome] = await asyncio.gather(self._write_batch(batch), return_exceptions=True)
        # Temporary is nobody's fault, and one by one all would only wait again: also where one row is held by a worker
        # that is gone: Postgres takes that from it within 15 s, and CircleCI posts again.
        if isinstance(outcome, BaseException) and not isinstance(outcome, Temporary) and len(batch) > 1:
            log.warning("a batch is kept one by one", deliveries=len(batch), reason=type(outcome).__name__)
            for pending in batch:
                await self._commit([pending])
            return
        for number, pending in enumerate(batch):
            if pending.kept.done():
                continue
            if isinstance(outcome, BaseException):
                pending.kept.set_exception(outcome)
            else:
                pending.kept.set_result(outcome[number])

    async def _write_batch(self, batch: Sequence[PendingDelivery]) -> list[StoredDelivery]:
        batch_deliveries = [pending.delivery for pending in batch]
        ids = await self._store.write_first(self._write, batch_deliveries)
        return [
            StoredDelivery(id=id_, is_duplicate=id_ != delivery.id)
            for delivery, id_ in zip(batch_deliveries, ids, strict=True)
        ]

    def _write(self, transaction: Transaction, batch_deliveries: Sequence[Delivery]) -> list[UUID]:
        ids = deliveries.keep_many(transaction, batch_deliveries)
        new = [delivery.id for delivery, id_ in zip(batch_deliveries, ids, strict=True) if delivery.id == id_]
        if new:
            self._jobs.enqueue_many("process", new, within=transaction)
        return ids
