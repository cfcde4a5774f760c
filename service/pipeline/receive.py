"""Store deliveries by group commit: one transaction for all that are pending.

A commit waits for the disk, and the disk takes as long for one delivery as for a hundred. Deliveries that arrive during
a commit form the next batch. A single delivery is committed at once: no timer waits for a batch to fill.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from uuid import UUID

import structlog

from service.db.database import Store
from service.errors import Temporary
from service.model import Delivery
from service.store.deliveries import deliveries

RETRY_AFTER_S = 10

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class IntakeLimits:
    """Limits of the intake; times in seconds, sizes in bytes of bodies.

    keep_timeout   CircleCI gives up after 10 s (docs, "Outbound webhooks"): answer while it still listens
    max_delay      of other work by posts that come one by one
    busy_batch     a batch of this size arrives faster than the pipeline decides and sends: a burst
    lull           with no such batch for this long a burst is over
    worker_share   of the time that other work has during a burst; 1: it never waits
    max_pause      of other work during a burst: however long it takes, some is done in each second
    job_cost       counted for a job or a fetch: the processor time of a message, measured; the rest of it is waiting
    """

    keep_timeout: float = 8.0
    max_delay: float = 0.05
    busy_batch: int = 8
    lull: float = 0.2
    worker_share: float = 0.1
    max_pause: float = 1.0
    job_cost: float = 0.04
    max_pending: int = 2_000
    max_pending_bytes: int = 64 * 2**20
    max_batch: int = 100
    max_batch_bytes: int = 8 * 2**20


@dataclass(frozen=True, kw_only=True)
class StoredDelivery:
    """The id of a stored delivery, and whether it was stored before."""

    id: UUID
    is_duplicate: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingDelivery:
    """A delivery to store, and its result.

    kept   the result; cancelled when the sender has disconnected
    """

    delivery: Delivery
    kept: asyncio.Future[StoredDelivery]

    def time_out(self, after_s: float) -> None:
        """Raise Temporary for the sender; the delivery may be stored all the same."""
        if not self.kept.done():
            self.kept.set_exception(Temporary(f"the delivery could not be kept within {after_s:.0f} s"))


class GroupCommitter:
    """A writer that stores deliveries in order of arrival.

    announce   called after each commit of new ones: workers of other processes may begin
    """

    def __init__(
        self, store: Store, *, announce: Callable[[], None] | None = None, limits: IntakeLimits | None = None
    ) -> None:
        self._store = store
        self._announce = announce
        self._limits = limits or IntakeLimits()
        self._pending: deque[PendingDelivery] = deque()
        self._pending_bytes = 0
        self._committing: asyncio.Task[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._busy_until = self._pause_until = 0.0  # by the event loop's clock
        self._yield_lock = asyncio.Lock()

    async def keep(self, delivery: Delivery) -> StoredDelivery:
        """Store the delivery, and return once it is on disk.

        Raises Temporary after ``keep_timeout``, at once when too many deliveries are pending, and on database errors.
        """
        if self._is_full(delivery):
            raise Temporary("too many deliveries wait to be kept", retry_after_s=RETRY_AFTER_S)
        loop = asyncio.get_running_loop()
        pending = PendingDelivery(delivery=delivery, kept=loop.create_future())
        self._pending.append(pending)
        self._pending_bytes += len(delivery.body)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_batches())
        timer = loop.call_later(self._limits.keep_timeout, pending.time_out, self._limits.keep_timeout)
        try:
            return await pending.kept
        except Temporary as error:
            raise Temporary(error.sentence, detail=error.detail, retry_after_s=RETRY_AFTER_S) from error
        finally:
            timer.cancel()

    def _is_full(self, delivery: Delivery) -> bool:
        """Return whether a limit is reached.

        A delivery of any size is accepted while none is pending.
        """
        is_too_much = self._pending_bytes + len(delivery.body) > self._limits.max_pending_bytes
        return len(self._pending) >= self._limits.max_pending or (is_too_much and bool(self._pending))

    @property
    def has_backlog(self) -> bool:
        """Return whether deliveries wait for the next commit, or a burst has just ended.

        Many senders post again as soon as they are answered: between two of their batches nothing is pending.
        """
        return bool(self._pending) or asyncio.get_running_loop().time() < self._busy_until

    @property
    def has_burst(self) -> bool:
        """Return whether a burst goes on, in which other work has its share alone."""
        return self._limits.worker_share < 1 and asyncio.get_running_loop().time() < self._busy_until

    async def wait_for_idle(self) -> bool:
        """Return once other work may begin; True if it should be little: posts still come.

        That is when no delivery is pending, and during a burst after a pause that leaves other work its share of the
        time. Callers return one at a time, so that a short pause in a burst starts one job, and not all of them.
        Work that has all of the time does not wait; it is to be little all the same, for posts wait for its end.
        """
        async with self._yield_lock:
            loop, limits = asyncio.get_running_loop(), self._limits
            if limits.worker_share >= 1:
                return self.has_backlog
            until = max(loop.time() + limits.max_delay, self._pause_until)
            while self.has_backlog and (left := until - loop.time()) > 0:
                self._idle = loop.create_future()
                burst = self._busy_until - loop.time()
                await asyncio.wait([self._idle], timeout=min(left, burst) if burst > 0 else left)
            self.count_work(limits.job_cost)
            return self.has_backlog

    def count_work(self, seconds: float) -> None:
        """Have other work pause after some that took so long, if posts come."""
        pause = seconds * (1 / self._limits.worker_share - 1)
        self._pause_until = asyncio.get_running_loop().time() + min(pause, self._limits.max_pause)

    async def _commit_batches(self) -> None:
        """Commit batch after batch until none is pending.

        This is a task of its own: a sender that disconnects does not cancel it.
        """
        while self._pending:
            await self._collect_batch()
            if batch := self._next_batch():
                with self._burst(batch):
                    await self._commit(batch)
        if self._idle and not self._idle.done() and not self.has_backlog:
            self._idle.set_result(None)

    @contextmanager
    def _burst(self, batch: Sequence[PendingDelivery]) -> Iterator[None]:
        """Have a large batch count as a burst during its commit and ``lull`` after it."""
        if len(batch) < self._limits.busy_batch:
            yield
            return
        self._busy_until = inf
        try:
            yield
        finally:
            self._busy_until = asyncio.get_running_loop().time() + self._limits.lull

    async def _collect_batch(self) -> None:
        """Yield to the event loop until a round of it adds no delivery."""
        seen = 0
        while seen < len(self._pending) < self._limits.max_batch:
            seen = len(self._pending)
            await asyncio.sleep(0)

    def _next_batch(self) -> list[PendingDelivery]:
        """Remove the oldest pending deliveries and return those with a connected sender."""
        batch: list[PendingDelivery] = []
        size = 0
        while self._pending and len(batch) < self._limits.max_batch and size < self._limits.max_batch_bytes:
            pending = self._pending.popleft()
            self._pending_bytes -= len(pending.delivery.body)
            if not pending.kept.done():
                batch.append(pending)
                size += len(pending.delivery.body)
        return batch

    async def _commit(self, batch: Sequence[PendingDelivery]) -> None:
        """Store a batch and answer each sender; after an error, store one by one.

        Only the deliveries at fault then fail.
        """
        [outcome] = await asyncio.gather(self._write_batch(batch), return_exceptions=True)
        # No delivery causes Temporary, and one by one all would wait again. That includes a row lock of a dead worker:
        # Postgres ends its session within 15 s, and CircleCI posts again.
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
        ids = await self._store.write_statement(deliveries.keep_many, batch_deliveries)
        if self._announce is not None:
            self._announce()
        return [
            StoredDelivery(id=id_, is_duplicate=id_ != delivery.id)
            for delivery, id_ in zip(batch_deliveries, ids, strict=True)
        ]
