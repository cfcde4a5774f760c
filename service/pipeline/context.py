"""What the pipeline works with, and how long it has patience for what."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.circleci.source import Source
from service.config.channel_urls import fingerprint
from service.db.database import Store
from service.metrics import Metrics
from service.model import Channel, Message, Receiver, Route
from service.pipeline.late_sends import LateSends
from service.queue.base import JobQueue


class Notifier(Protocol):
    """What we ask of whoever talks to channels."""

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        """Send and return the receipt, a sentence. Raises Temporary or Permanent.

        An earlier send of the same notification whose end was not known is looked at first, and not repeated.
        """
        ...

    async def close(self) -> None:
        """Let go of what is still under way."""
        ...


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How long to wait for what, and how long between tries.

    details_timeout        a message waits this long for what it would be nice to know
    late_details_timeout   the event's page waits this long for it
    answer_timeout      the source is listened to for this long at a time, even when a message is late already
    give_up_after        a channel that does not take a message is tried this long
    unknown_channel_timeout  a channel that a worker does not know may be known to others: they have this long
    unknown_channel_pause    the pause until the next worker looks at such a message
    failures, put_offs  so often judging may fail: for an unforeseen reason, and for one that should pass by itself
    first, longest     the pause after the first try doubles up to the longest, give or take a quarter
    """

    details_timeout: timedelta = timedelta(minutes=2)
    late_details_timeout: timedelta = timedelta(hours=24)
    answer_timeout: timedelta = timedelta(seconds=15)
    give_up_after: timedelta = timedelta(hours=1)
    unknown_channel_timeout: timedelta = timedelta(minutes=15)
    unknown_channel_pause: timedelta = timedelta(seconds=30)
    min_pause: timedelta = timedelta(seconds=5)
    max_pause: timedelta = timedelta(minutes=10)
    max_failures: int = 5
    max_put_offs: int = 150  # a day or so, most of it in the longest pauses
    jitter: Callable[[], float] = random.random

    def pause(self, tries: int, *, asked_for_s: float | None = None) -> timedelta:
        """How long to wait after so many tries: never less than the other side asked for."""
        doubled: timedelta = min(self.min_pause * 2 ** min(max(tries - 1, 0), 30), self.max_pause)
        jittered = doubled * (0.75 + self.jitter() / 2)  # many that failed together must not come back together
        return max(jittered, timedelta(seconds=asked_for_s or 0))


@dataclass(frozen=True, kw_only=True)
class Context:
    """Everything the pipeline's steps are made of, chosen by ``app``.

    keep_for   events older than this are forgotten
    """

    store: Store
    source: Source
    notifier: Notifier
    jobs: JobQueue
    metrics: Metrics
    routes: Sequence[Route]
    receivers: Mapping[str, Receiver]
    clock: Callable[[], datetime]
    keep_for: timedelta
    public_url: str | None = None
    retry_policy: RetryPolicy = RetryPolicy()
    late_sends: LateSends = field(default_factory=LateSends)

    @property
    def channels(self) -> str:
        """A fingerprint of all channels with their secrets, by which processes compare what they go by."""
        return fingerprint(self.receivers.values())

    def channel(self, key: str) -> Channel | None:
        """The channel with this key, if roundsman.yaml still has it."""
        every = (channel for receiver in self.receivers.values() for channel in receiver.channels)
        return next((channel for channel in every if channel.key == key), None)
