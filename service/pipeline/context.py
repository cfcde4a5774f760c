"""The dependencies of the pipeline's steps, and their retry policy."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol
from uuid import UUID

from service.circleci.source import Source
from service.clock import DistinctTimes
from service.config.channel_urls import fingerprint
from service.db.database import Store
from service.message.act_links import ActLinks
from service.metrics import Metrics
from service.model import Budget, Channel, Digest, Event, KnownProblem, Message, Person, Receiver, Route, SealCopies
from service.pipeline.judgment.recent_facts import RecentFacts
from service.pipeline.lanes.late_sends import LateSends
from service.queue.base import JobQueue
from service.routing.people import channels_of
from service.routing.projects import NO_RULES, ProjectRules
from service.routing.route_index import RouteIndex


class Notifier(Protocol):
    """The interface of an object that sends messages to channels.

    A protocol because it has two implementations: Apprise's, and one for tests that need no outside.
    """

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        """Send and return the receipt, a sentence. Raises Temporary or Permanent.

        An earlier send of this notification without a known result is checked first, and not repeated.
        """
        ...

    async def close(self) -> None:
        """Stop waiting for sends that are under way."""
        ...


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Time limits and pauses of the pipeline.

    details_timeout           a message waits for details for this long
    late_details_timeout      details for the event's page are fetched for this long
    answer_timeout            limit of one fetch from the source, also when the message is late already
    give_up_after             a failing channel is retried for this long
    unknown_channel_timeout   a channel unknown to a worker is left to other workers for this long
    unknown_channel_pause     pause until the next worker checks such a message
    min_pause, max_pause      the pause after the first attempt, doubled after each, up to the maximum; +/- a quarter
    send_lease                an attempt counts as under way for this long, also if its worker is gone
    send_grace                sends under way may end for this long after the process was asked to end
    max_failures              failures of a decision for an unexpected reason before it is a dead letter
    max_put_offs              failures of a decision for a temporary reason before it is a dead letter
    jitter                    source of the quarter: a number from 0 to 1
    """

    details_timeout: timedelta = timedelta(minutes=2)
    late_details_timeout: timedelta = timedelta(hours=24)
    answer_timeout: timedelta = timedelta(seconds=15)
    give_up_after: timedelta = timedelta(hours=1)
    unknown_channel_timeout: timedelta = timedelta(minutes=15)
    unknown_channel_pause: timedelta = timedelta(seconds=30)
    min_pause: timedelta = timedelta(seconds=5)
    max_pause: timedelta = timedelta(minutes=10)
    send_lease: timedelta = timedelta(seconds=45)  # the 30 s after which a send renews it, and a margin
    send_grace: timedelta = timedelta(seconds=45)  # longer than a send may take before it is a late one
    max_failures: int = 5
    max_put_offs: int = 150  # about a day, most of it in pauses of max_pause
    jitter: Callable[[], float] = random.random

    def pause(self, tries: int, *, asked_for_s: float | None = None) -> timedelta:
        """Return the pause after an attempt; never less than the other side asked for."""
        doubled: timedelta = min(self.min_pause * 2 ** min(max(tries - 1, 0), 30), self.max_pause)
        jittered = doubled * (0.75 + self.jitter() / 2)  # attempts that failed together must not be retried together
        return max(jittered, timedelta(seconds=asked_for_s or 0))


@dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """Limits of a batch of decisions.

    deliveries        the number that one transaction takes
    seconds           for parsing and assessing them
    awaited_seconds   the same while a post waits to be kept, as posts do on SQLite
    """

    deliveries: int = 100
    seconds: float = 0.2
    awaited_seconds: float = 0.025


@dataclass(frozen=True, kw_only=True)
class Context:
    """The dependencies of the pipeline's steps.

    keep_for        events older than this are deleted
    planned_at      the times of new notifications, in the order of which a lane sends them
    unsure_begins   begins of attempts whose commit was not confirmed: notification and time; nothing was sent
    operators       the receiver of Roundsman's own alarms; None: no one hears of them
    seal_copies     the places where seals are kept outside of the database
    known_problems  those of roundsman.yaml; likewise ``digests``, ``budgets`` and the settings of ``projects``
    reconcile_every new pipelines are listed so often, to find missed webhooks; None: never
    reconcile_calls the calls of one minute that this may make
    act_links       makes the links in messages that act; None: there are none
    has_burst       tells in the event loop whether posts come so fast that other work has its share alone
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
    batch_limits: BatchLimits = BatchLimits()
    planned_at: DistinctTimes = field(default_factory=DistinctTimes)
    late_sends: LateSends = field(default_factory=LateSends)
    unsure_begins: set[tuple[UUID, datetime]] = field(default_factory=set)
    recent_facts: RecentFacts = field(default_factory=RecentFacts)
    operators: str | None = None
    seal_copies: SealCopies | None = None
    known_problems: Sequence[KnownProblem] = ()
    people: Sequence[Person] = ()
    digests: Sequence[Digest] = ()
    budgets: Sequence[Budget] = ()
    projects: ProjectRules = NO_RULES
    reconcile_every: timedelta | None = None
    reconcile_calls: int = 60
    act_links: ActLinks | None = None
    has_burst: Callable[[], bool] = lambda: False

    @cached_property
    def route_index(self) -> RouteIndex:
        """The routes, indexed once for all events."""
        return RouteIndex(self.routes)

    @property
    def channels(self) -> str:
        """A fingerprint of all channels with their secrets; workers compare it."""
        return fingerprint(self.receivers.values())

    def channels_of(self, route: Route, event: Event) -> Sequence[Channel]:
        """Return the channels of a route; for the author's those that they have, if any."""
        return channels_of(route.receiver, event, self.receivers, self.people)

    def route(self, name: str) -> Route | None:
        """Return the route with this name; None if roundsman.yaml no longer has it."""
        return next((route for route in self.routes if route.name == name), None)

    def receiver_of(self, channel_key: str) -> Receiver | None:
        """Return the first receiver with this channel; None if there is none any more."""
        every = self.receivers.values()
        return next((one for one in every if any(channel.key == channel_key for channel in one.channels)), None)

    def channel(self, key: str) -> Channel | None:
        """Return the channel with this key; None if roundsman.yaml no longer has it."""
        every = (channel for receiver in self.receivers.values() for channel in receiver.channels)
        return next((channel for channel in every if channel.key == key), None)
