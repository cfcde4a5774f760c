"""Play posts through routes on simulated time: nothing leaves this process.

The rules are those of the live pipeline, in a database of its own. Left out is what changes no decision: search terms,
the record of decisions, queue jobs, and the words of messages. A channel accepts each message when it is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID

from service.db.tables import Transaction
from service.model import Color, Details, Event, EventKind, Notification, Transition, color_of
from service.operations.simulation.shared_failures import SharedFailures
from service.operations.simulation.simulated_paces import SimulatedPaces
from service.operations.simulation.simulated_steps import SimulatedSteps
from service.pipeline.context import Context
from service.pipeline.decide import plan_events, record_facts
from service.pipeline.judgment.record_tests import record_cause, record_tests
from service.pipeline.news.channel_knowledge import color_told
from service.pipeline.news.living import record_simulated
from service.pipeline.plans import PendingDecision
from service.pipeline.sending.begin_send import find_ready
from service.pipeline.waits.summaries import record_members
from service.routing.decide import fits, with_details
from service.routing.match_key import Fact
from service.routing.match_keys import FACT_KEYS
from service.store.events import events
from service.store.incidents import silences
from service.store.notifications import told
from service.store.reports import backtests
from service.store.runs import runs, tracks

MAX_BATCH = 500
MAX_DELAY = timedelta(minutes=2)  # of messages that wait for details
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
    steps     what the pipeline does at a time, without a post
    """

    context: Context
    clock: SimulatedClock
    steps: SimulatedSteps
    _shared: SharedFailures = field(default_factory=SharedFailures)
    _paces: SimulatedPaces = field(default_factory=SimulatedPaces)

    async def play(self, posts: Sequence[PendingDecision]) -> None:
        """Decide on posts at their times, oldest first.

        Messages that are due before a post are sent before it.
        """
        await self.context.store.write(self._play, posts)

    async def finish(self, until: datetime) -> None:
        """Send the messages that are due up to a time."""
        await self.context.store.write(self._do_due, until)

    def _play(self, transaction: Transaction, posts: Sequence[PendingDecision]) -> None:
        place, due_at, shared = 0, self._next_at(transaction), self._shared.find(posts)
        self._record_causes(transaction, shared.values())
        while place < len(posts):
            at = _at(posts[place])
            if due_at is not None and due_at <= at:
                due_at = self._do_due(transaction, at)
            batch = self._take(posts, place, due_at, shared)
            place += len(batch)
            self._decide(transaction, batch, shared)
            self._record_tests(transaction, batch)
            self._record_causes(transaction, [one for one in batch if one.event.id in shared])
            due_at = self._do_due(transaction, _at(batch[-1]))

    def _take(
        self,
        posts: Sequence[PendingDecision],
        place: int,
        due_at: datetime | None,
        shared: Mapping[UUID, PendingDecision],
    ) -> list[PendingDecision]:
        """Return the next posts that do not depend on each other.

        Nothing that was known before is due until the last: judged together they are judged as one after the other.
        News that are grouped, or of one failure, depend on those of other tracks.

        shared   those of a failure that other projects have too
        """
        seen = _SeenTracks(may_repeat=self._may_repeat)
        batch: list[PendingDecision] = []
        for one in posts[place : place + (1 if self._has_groups or self.needs_tests else MAX_BATCH)]:
            if (batch and due_at is not None and _at(one) >= due_at) or not seen.add(one):
                break
            if batch and one.event.id in shared:
                break
            batch.append(one)
            if one.event.id in shared:
                break
        return batch

    def _decide(
        self, transaction: Transaction, batch: Sequence[PendingDecision], shared: Mapping[UUID, PendingDecision]
    ) -> None:
        self.clock.now = max(self.clock.now, _at(batch[0]))
        filled = [replace(one, event=with_details(one.event, one.details)) for one in batch]
        filled = [_as_asked(one) if one.event.id in shared else one for one in filled]
        events.put_unsearched(transaction, [one.event for one in filled])
        wanted = [one for one in filled if self.steps.needs_details or one.event.id in shared]
        events.put_details(transaction, {one.event.id: one.details for one in wanted if one.details})
        quiet = silences.unexpired(transaction, self.clock.now)
        plans = plan_events(transaction, self.context, filled, quiet=quiet, now=self.clock.now)
        record_facts(transaction, self.context, plans, self.clock.now)

    def _record_tests(self, transaction: Transaction, batch: Sequence[PendingDecision]) -> None:
        """Record what CircleCI said of the runs, if routes ask for it."""
        for one in batch if self.needs_tests else ():
            if one.details:
                record_tests(transaction, with_details(one.event, one.details), one.details)

    def _record_causes(self, transaction: Transaction, posts: Iterable[PendingDecision]) -> None:
        """Record the failures of runs, by which a cause is found that they share.

        A run that is not played yet has no incident, and is recorded later.
        """
        for one in posts:
            if one.details:
                events.put_details(transaction, {one.event.id: one.details})
                record_cause(transaction, with_details(one.event, one.details), one.details)

    @cached_property
    def needs_tests(self) -> bool:
        """True if a route asks for what a run failed of."""
        return any(
            any(matcher.key in FACT_KEYS for matcher in route.matchers)
            or (route.group is not None and "fingerprint" in route.group.by)
            for route in self.context.routes
        )

    @cached_property
    def _may_repeat(self) -> bool:
        """True if green runs after a green one are no news, and none looks back."""
        passed = Fact(Transition.PASSED, (Transition.PASSED,))
        matchers = (one for route in self.context.routes for one in route.matchers if one.key == "transition")
        return not self.needs_tests and not any(fits(one, passed) for one in matchers)

    @cached_property
    def _has_groups(self) -> bool:
        return any(route.group is not None for route in self.context.routes)

    def _next_at(self, transaction: Transaction) -> datetime | None:
        times = (backtests.next_due_at(transaction), self.steps.next_at())
        return min((time for time in times if time is not None), default=None)

    def _do_due(self, transaction: Transaction, until: datetime) -> datetime | None:
        """Do what is due up to a time, in the order of time; return when more is due."""
        without_send = 0
        while (at := self._next_at(transaction)) and at <= until and without_send < MAX_WITHOUT_SEND:
            step_at = self.steps.next_at()
            if step_at is not None and step_at <= at:
                self.clock.now = max(self.clock.now, step_at)
                self.steps.run(transaction, self.context, step_at)
                continue
            is_any_sent = self._send_due(transaction, until)
            without_send = 0 if is_any_sent else without_send + 1
        return at

    def _send_due(self, transaction: Transaction, until: datetime) -> bool:
        """Send what is due up to a time or the next step; tell if anything was sent."""
        is_any_sent = False
        self._paces.begin()
        for one in backtests.find_due(transaction, until):
            step_at = self.steps.next_at()
            if step_at is not None and step_at <= one.next_attempt_at:
                break
            if not self._paces.must_wait(transaction, one):
                is_any_sent = self._send(transaction, one) or is_any_sent
        return is_any_sent

    def _send(self, transaction: Transaction, one: Notification) -> bool:
        """Have a channel accept a message, if it is to be sent now."""
        self.clock.now = now = max(self.clock.now, one.next_attempt_at)
        ready = find_ready(transaction, self.context, one, now)
        if ready is None or not backtests.mark_sent(transaction, one.id, now):
            return False
        self._paces.note_sent(self.context, one, now)
        color = color_told(one, ready.event) if ready.event else None
        if color is not None and one.track_id is not None:
            told.put(transaction, (one.track_id, one.channel_key), color, now)
        record_members(transaction, one, now)
        record_simulated(transaction, one, now)
        self.steps.note_sent(self.context, one, now)
        return True


def simulated(event: Event, details: Details | None = None) -> PendingDecision:
    """Return an event as a post that is decided on when it was received."""
    return PendingDecision(event=event, details=details, max_delay=timedelta(), at=event.received_at)


def _at(post: PendingDecision) -> datetime:
    return post.at or post.event.received_at


def _as_asked(post: PendingDecision) -> PendingDecision:
    """Return a post whose messages wait until CircleCI had answered, as they did."""
    asked_at = post.details.asked_at if post.details else None
    if asked_at is None:
        return post
    return replace(post, max_delay=min(max(asked_at - _at(post), timedelta()), MAX_DELAY))


class _SeenTracks:
    """The tracks of the posts that are judged together.

    Of one track are only green runs in order: all that changes is what the first of them does to it.

    may_repeat   there may be several of one track
    """

    def __init__(self, *, may_repeat: bool) -> None:
        self._may_repeat = may_repeat
        self._runs: set[UUID] = set()
        self._pipelines: dict[UUID, int] = {}
        self._ends: set[UUID] = set()

    def add(self, post: PendingDecision) -> bool:
        """Add the track of a post; False if the post has to wait for those before."""
        event = with_details(post.event, post.details)
        if event.kind is not EventKind.WORKFLOW_COMPLETED:
            return True
        run_id, track = runs.id_of(event), tracks.digest_of(event)
        number, before = event.pipeline.number or 0, self._pipelines.get(track)
        is_green = color_of(event.status) is Color.GREEN and tracks.branch_of(event) is not None
        if run_id in self._runs or track in self._ends:
            return False
        if before is not None and (number <= before or not is_green or not self._may_repeat):
            return False
        self._runs.add(run_id)
        self._pipelines[track] = number
        if not is_green:
            self._ends.add(track)
        return True
