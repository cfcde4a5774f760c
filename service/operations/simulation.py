"""Play posts through routes on simulated time: nothing leaves this process.

It is the live pipeline, in a database of its own, with channels that accept every message at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from service.db.tables import Transaction
from service.model import Delivery, DeliveryState, Details, Event
from service.pipeline.begin_send import begin
from service.pipeline.context import Context
from service.pipeline.decide import decide_events
from service.pipeline.plan_notifications import PendingDecision
from service.pipeline.record_send import record_accepted
from service.store import backtests, deliveries

MAX_WITHOUT_SEND = 1_000  # news that wait, then wait again: a limit, so that no fault can make this endless


@dataclass(kw_only=True)
class SimulatedClock:
    """A clock that shows the time of what is played."""

    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the simulated time."""
        return self.now


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The pipeline of some routes, with a clock of its own.

    context   of a database that holds nothing else
    """

    context: Context
    clock: SimulatedClock

    async def play(self, posts: Sequence[tuple[Delivery, Event]], details: Mapping[UUID, Details]) -> None:
        """Decide on posts at the times at which they were received, oldest first.

        Messages that are due before a post are sent before it.
        """
        await self.context.store.write(self._play, posts, details)

    async def finish(self, until: datetime) -> None:
        """Send the messages that are due up to a time."""
        await self.context.store.write(self._send_due, until)

    def _play(
        self, transaction: Transaction, posts: Sequence[tuple[Delivery, Event]], details: Mapping[UUID, Details]
    ) -> None:
        for delivery, event in posts:
            self._send_due(transaction, delivery.received_at)
            self.clock.now = max(self.clock.now, delivery.received_at)
            deliveries.keep_many(transaction, [_as_new(delivery)])
            pending = PendingDecision(event=event, details=details.get(event.id), max_delay=timedelta())
            decide_events(transaction, self.context, [pending])
            self._send_due(transaction, self.clock.now)

    def _send_due(self, transaction: Transaction, until: datetime) -> None:
        without_send = 0
        while (one := backtests.next_due(transaction, until)) and without_send < MAX_WITHOUT_SEND:
            self.clock.now = max(self.clock.now, one.next_attempt_at)
            begun = begin(transaction, self.context, _is_ours, one.id, now=self.clock.now)
            if begun is None:
                without_send += 1
            else:
                without_send = 0
                record_accepted(transaction, self.context, begun, "simulated")


def _is_ours(_transaction: Transaction) -> bool:
    return True


def _as_new(delivery: Delivery) -> Delivery:
    return Delivery(**{**vars(delivery), "state": DeliveryState.KEPT, "reason": None, "due_at": None})
