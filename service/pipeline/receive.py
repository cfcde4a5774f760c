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
from service.queue.base import Jobs
from service.store import deliveries

KEEP_WITHIN_S = 8.0  # CircleCI gives up after 10 s (docs, "Outbound webhooks"): answer while it still listens
COME_BACK_IN_S = 10
COURTESY_S = 0.05  # so, even in the longest rush, twenty jobs begin in a second
A_RUSH = 8  # so many in one batch come faster than anybody can judge and tell
MOST_IN_LINE = 2_000
MOST_BYTES_IN_LINE = 64 * 2**20
MOST_IN_A_BATCH = 100
MOST_BYTES_IN_A_BATCH = 8 * 2**20

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Where a delivery is on record, and whether it was there before."""

    id: UUID
    is_duplicate: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """A delivery in line, and what its sender waits for; ``kept`` is cancelled when nobody waits any longer."""

    delivery: Delivery
    kept: asyncio.Future[Kept]

    def give_up(self) -> None:
        """Tell the sender that it took too long, whatever becomes of the delivery."""
        if not self.kept.done():
            self.kept.set_exception(Temporary(f"the delivery could not be kept within {KEEP_WITHIN_S:.0f} s"))


class Line:
    """Keeps deliveries in the order of their arrival, each with the job that will judge it, all or nothing."""

    def __init__(self, store: Store, jobs: Jobs) -> None:
        self._store = store
        self._jobs = jobs
        self._places: deque[Place] = deque()
        self._bytes = 0
        self._keeper: asyncio.Task[None] | None = None
        self._quiet: asyncio.Future[None] | None = None
        self._calm_at = 0.0  # by the event loop's clock
        self._courteous = asyncio.Lock()

    async def keep(self, delivery: Delivery) -> Kept:
        """Wait until the delivery is on disk. Raises Temporary when that is not to be had in time, or at all now."""
        if self._is_full(delivery):
            raise Temporary("too many deliveries wait to be kept", retry_after_s=COME_BACK_IN_S)
        loop = asyncio.get_running_loop()
        place = Place(delivery=delivery, kept=loop.create_future())
        self._places.append(place)
        self._bytes += len(delivery.body)
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.create_task(self._serve())
        patience = loop.call_later(KEEP_WITHIN_S, place.give_up)
        try:
            return await place.kept
        except Temporary as error:
            raise Temporary(error.sentence, inside=error.inside, retry_after_s=COME_BACK_IN_S) from error
        finally:
            patience.cancel()

    def _is_full(self, delivery: Delivery) -> bool:
        """No room for one more; the first in line is let in whatever its size, or it never would be."""
        is_too_much = self._bytes + len(delivery.body) > MOST_BYTES_IN_LINE
        return len(self._places) >= MOST_IN_LINE or (is_too_much and bool(self._places))

    @property
    def is_pressed(self) -> bool:
        """Somebody waits who is not even in the commit that is under way; or the next of a rush are about to.

        Many senders post again as soon as they are answered: between two of their batches the line is empty.
        """
        return bool(self._places) or asyncio.get_running_loop().time() < self._calm_at

    async def give_way(self) -> None:
        """Return when nobody presses, or after ``COURTESY_S``: for work that may as well begin a little later.

        One returns at a time, so that a lull in a rush lets one piece of work in, and not all that there is.
        """
        async with self._courteous:
            if self.is_pressed:
                self._quiet = asyncio.get_running_loop().create_future()
                await asyncio.wait([self._quiet], timeout=COURTESY_S)

    async def _serve(self) -> None:
        """Keep one batch after the other until nobody is left: a task of its own, which no sender can take away."""
        while self._places:
            await self._let_in()
            if batch := self._next_batch():
                await self._settle(batch)
            if len(batch) >= A_RUSH:
                self._calm_at = asyncio.get_running_loop().time() + COURTESY_S
        if self._quiet and not self._quiet.done() and not self.is_pressed:
            self._quiet.set_result(None)

    async def _let_in(self) -> None:
        """Let in all that have arrived by now: until the event loop has gone round and found no more."""
        seen = 0
        while seen < len(self._places) < MOST_IN_A_BATCH:
            seen = len(self._places)
            await asyncio.sleep(0)

    def _next_batch(self) -> list[Place]:
        """The first in line, without those whose senders have gone."""
        batch: list[Place] = []
        size = 0
        while self._places and len(batch) < MOST_IN_A_BATCH and size < MOST_BYTES_IN_A_BATCH:
            place = self._places.popleft()
            self._bytes -= len(place.delivery.body)
            if not place.kept.done():
                batch.append(place)
                size += len(place.delivery.body)
        return batch

    async def _settle(self, batch: Sequence[Place]) -> None:
        """Answer everybody in a batch. When it fails by something in it, only those whose fault it is may suffer."""
        [outcome] = await asyncio.gather(self._keep(batch), return_exceptions=True)
        # Temporary is nobody's fault, and one by one all would only wait again: also where one row is held by a worker
        # that is gone: Postgres takes that from it within 15 s, and CircleCI posts again.
        if isinstance(outcome, BaseException) and not isinstance(outcome, Temporary) and len(batch) > 1:
            log.warning("a batch is kept one by one", deliveries=len(batch), reason=type(outcome).__name__)
            for place in batch:
                await self._settle([place])
            return
        for number, place in enumerate(batch):
            if place.kept.done():
                continue
            if isinstance(outcome, BaseException):
                place.kept.set_exception(outcome)
            else:
                place.kept.set_result(outcome[number])

    async def _keep(self, batch: Sequence[Place]) -> list[Kept]:
        arrived = [place.delivery for place in batch]
        ids = await self._store.write_first(self._write, arrived)
        return [Kept(id=id_, is_duplicate=id_ != delivery.id) for delivery, id_ in zip(arrived, ids, strict=True)]

    def _write(self, transaction: Transaction, arrived: Sequence[Delivery]) -> list[UUID]:
        ids = deliveries.keep_many(transaction, arrived)
        new = [delivery.id for delivery, id_ in zip(arrived, ids, strict=True) if delivery.id == id_]
        if new:
            self._jobs.later_many("process", new, within=transaction)
        return ids
