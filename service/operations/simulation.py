"""Play posts through routes on simulated time: nothing leaves this process.

The rules are those of the live pipeline, in a database of its own. Left out is what changes no decision: search terms,
the record of decisions, queue jobs, and the words of messages. A channel accepts each message when it is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID

from service.db.tables import Transaction
from service.model import Color, Details, Event, EventKind, Notification, color_of
from service.operations.simulated_steps import SimulatedSteps
from service.pipeline.begin_send import find_ready
from service.pipeline.channel_knowledge import color_told
from service.pipeline.context import Context
from service.pipeline.decide import plan_events
from service.pipeline.living import record_simulated
from service.pipeline.plan_notifications import PendingDecision
from service.pipeline.record_tests import record_tests
from service.routing.decide import with_details
from service.routing.match_keys import FACT_KEYS
from service.store import backtests, events, runs, told, tracks

MAX_BATCH = 500
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

    async def play(self, posts: Sequence[PendingDecision]) -> None:
        """Decide on posts at their times, oldest first.

        Messages that are due before a post are sent before it.
        """
        await self.context.store.write(self._play, posts)

    async def finish(self, until: datetime) -> None:
        """Send the messages that are due up to a time."""
        await self.context.store.write(self._do_due, until)

    def _play(self, transaction: Transaction, posts: Sequence[PendingDecision]) -> None:
        place = 0
        while place < len(posts):
            self._do_due(transaction, _at(posts[place]))
            batch = self._take(transaction, posts, place)
            place += len(batch)
            self._decide(transaction, batch)
            self._do_due(transaction, _at(batch[-1]))

    def _take(self, transaction: Transaction, posts: Sequence[PendingDecision], place: int) -> list[PendingDecision]:
        """Return the next posts that do not depend on each other.

        Nothing that was known before is due until the last: judged together they are judged as one after the other.
        """
        due_at, seen = self._next_at(transaction), _SeenTracks()
        batch: list[PendingDecision] = []
        for one in posts[place : place + MAX_BATCH]:
            if (batch and due_at is not None and _at(one) >= due_at) or not seen.add(one):
                break
            batch.append(one)
        return batch

    def _decide(self, transaction: Transaction, batch: Sequence[PendingDecision]) -> None:
        self.clock.now = max(self.clock.now, _at(batch[0]))
        filled = [replace(one, event=with_details(one.event, one.details)) for one in batch]
        events.put_unsearched(transaction, [one.event for one in filled])
        known = {one.event.id: one.details for one in filled if one.details}
        if self._needs_tests or self.steps.needs_details:
            events.put_details(transaction, known)
        plan_events(transaction, self.context, filled, self.clock.now)
        if self._needs_tests:  # what CircleCI said of the run comes after the run
            for one in filled:
                if one.details:
                    record_tests(transaction, one.event, one.details)

    @cached_property
    def _needs_tests(self) -> bool:
        """True if a route asks for what a run failed of."""
        return any(matcher.key in FACT_KEYS for route in self.context.routes for matcher in route.matchers)

    def _next_at(self, transaction: Transaction) -> datetime | None:
        times = (backtests.next_due_at(transaction), self.steps.next_at())
        return min((time for time in times if time is not None), default=None)

    def _do_due(self, transaction: Transaction, until: datetime) -> None:
        """Do what is due up to a time, in the order of time."""
        without_send = 0
        while (at := self._next_at(transaction)) and at <= until and without_send < MAX_WITHOUT_SEND:
            step_at = self.steps.next_at()
            if step_at is not None and step_at <= at:
                self.clock.now = max(self.clock.now, step_at)
                self.steps.run(transaction, self.context, step_at)
                continue
            is_any_sent = self._send_due(transaction, until)
            without_send = 0 if is_any_sent else without_send + 1

    def _send_due(self, transaction: Transaction, until: datetime) -> bool:
        """Send what is due up to a time or the next step; tell if anything was sent."""
        is_any_sent = False
        for one in backtests.find_due(transaction, until):
            step_at = self.steps.next_at()
            if step_at is not None and step_at <= one.next_attempt_at:
                break
            is_any_sent = self._send(transaction, one) or is_any_sent
        return is_any_sent

    def _send(self, transaction: Transaction, one: Notification) -> bool:
        """Have a channel accept a message, if it is to be sent now."""
        self.clock.now = now = max(self.clock.now, one.next_attempt_at)
        ready = find_ready(transaction, self.context, one, now)
        if ready is None or not backtests.mark_sent(transaction, one.id, now):
            return False
        color = color_told(one, ready.event) if ready.event else None
        if color is not None and one.track_id is not None:
            told.put(transaction, (one.track_id, one.channel_key), color, now)
        record_simulated(transaction, one, now)
        self.steps.note_sent(self.context, one, now)
        return True


def simulated(event: Event, details: Details | None = None) -> PendingDecision:
    """Return an event as a post that is decided on when it was received."""
    return PendingDecision(event=event, details=details, max_delay=timedelta(), at=event.received_at)


def _at(post: PendingDecision) -> datetime:
    return post.at or post.event.received_at


class _SeenTracks:
    """The tracks of the posts that are judged together.

    Of one track are only green runs in order: all that changes is what the first of them does to it.
    """

    def __init__(self) -> None:
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
        if before is not None and (number <= before or not is_green):
            return False
        self._runs.add(run_id)
        self._pipelines[track] = number
        if not is_green:
            self._ends.add(track)
        return True
