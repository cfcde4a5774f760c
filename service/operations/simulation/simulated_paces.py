"""The paces of channels on simulated time, such as one message a second."""

from dataclasses import dataclass, field
from datetime import datetime

from service.channels import min_interval
from service.db.tables import Transaction
from service.model import Notification
from service.pipeline.context import Context
from service.store.reports import backtests


@dataclass(kw_only=True)
class SimulatedPaces:
    """The times from which on lanes are free again after a message."""

    _free_at: dict[str, datetime] = field(default_factory=dict)
    _postponed: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Begin another look at what is due."""
        self._postponed.clear()

    def must_wait(self, transaction: Transaction, one: Notification) -> bool:
        """Return whether a message has to wait for the pace of its channel.

        All that is due on the channel is due again when it is free.
        """
        free_at = self._free_at.get(one.lane)
        if free_at is None or one.next_attempt_at >= free_at:
            return False
        if one.channel_key not in self._postponed:
            backtests.postpone(transaction, one.channel_key, free_at)
            self._postponed.add(one.channel_key)
        return True

    def note_sent(self, context: Context, one: Notification, now: datetime) -> None:
        """Note that a channel accepted a message, and has a pause now."""
        channel = context.channel(one.channel_key)
        if channel is not None and (pace := min_interval(channel)):
            self._free_at[one.lane] = now + pace
