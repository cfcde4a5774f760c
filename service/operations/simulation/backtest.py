"""Back-test of routes: play the stored history through them."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from service.circleci.source import Source
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, Event, EventKind, Silence
from service.operations.simulation.history_acts import History, read_history
from service.operations.simulation.simulation import Simulation, simulated
from service.pipeline.plans import PendingDecision
from service.routing.decide import kinds_heard
from service.routing.reach import Reach
from service.store.events import events
from service.store.incidents import silences
from service.store.reports import backtests

PAGE = 2_000
WARM_UP = timedelta(days=14)
"""The history before the first day is played for so long, without counting: what is red then must be known."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The time of a back-test."""

    since: datetime
    until: datetime

    @property
    def played_since(self) -> datetime:
        """Return the time from which on the history is played."""
        return self.since - WARM_UP

    @property
    def days(self) -> float:
        """Return its length in days."""
        return (self.until - self.since) / timedelta(days=1)


@dataclass(kw_only=True)
class Played:
    """The part of a history that was played.

    events   the number of events there were; ``relevant`` those of workflows, and of other kinds that a route hears;
             ``judged`` those of branches and kinds of which a route may tell
    since    the begin of the history in the span; None if there is none
    """

    span: Span
    events: int
    relevant: int
    judged: int = 0
    since: datetime | None
    history: History

    @property
    def measured(self) -> Span:
        """Return the part of the span that has a history.

        A digest before it would have told of nothing.
        """
        begin = self.span.until if self.since is None else max(self.span.since, self.since)
        return Span(since=min(begin, self.span.until), until=self.span.until)


async def replay_history(
    store: Store,
    source: Source,
    simulations: Sequence[Simulation],
    span: Span,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Played:
    """Play the stored history through simulations up to the end of a span.

    progress   is called after each page with the number of events that were played of all
    """
    kinds = {EventKind.WORKFLOW_COMPLETED}.union(*(kinds_heard(one.context.routes) for one in simulations))
    played = await store.snapshot(_look, span, kinds)
    for simulation in simulations:
        await _begin(simulation, span, played.history)
    done = 0
    reaches = [Reach(one.context.routes, has_digests=_counts_runs(one)) for one in simulations]
    async for page in _pages(store, span, kinds):
        done += len(page)
        reached = [event for event in page if any(one.holds(event) for one in reaches)]
        posts = await _read_posts(store, source, reached)
        played.judged += len(posts)
        for simulation in simulations:
            await simulation.play(posts)
        progress(done, played.relevant)
    for simulation in simulations:
        await simulation.finish(span.until)
    return played


def _look(transaction: Transaction, span: Span, kinds: Collection[EventKind]) -> Played:
    return Played(
        span=span,
        events=backtests.count(transaction, span.played_since, span.until),
        relevant=backtests.count(transaction, span.played_since, span.until, kinds),
        since=backtests.first_received_at(transaction),
        history=read_history(transaction, span.played_since, span.until),
    )


async def _begin(simulation: Simulation, span: Span, history: History) -> None:
    await simulation.context.store.write(_copy_silences, history.silences)
    simulation.clock.now = span.played_since
    simulation.steps.begin(simulation.context, span.played_since, history.acts, history.ends)
    simulation.steps.needs_details |= simulation.needs_tests or bool(history.counts["known_problem"])


def _copy_silences(transaction: Transaction, found: Sequence[Silence]) -> None:
    for one in found:
        silences.put(transaction, one)


def _counts_runs(simulation: Simulation) -> bool:
    """Return whether a digest is left out if nothing was red: then each run counts."""
    return any(digest.skips_empty for digest in simulation.context.digests)


async def _read_posts(store: Store, source: Source, reached: Sequence[Event]) -> list[PendingDecision]:
    """Return what was posted of events, with their details."""
    ids = [event.id for event in reached]
    kept = await store.read(backtests.find_deliveries, ids)
    details = await store.read(events.find_all_details, ids)
    return [simulated(event, details.get(event.id)) for event in _parse(source, kept)]


async def _pages(store: Store, span: Span, kinds: Collection[EventKind]) -> AsyncIterator[Sequence[Event]]:
    mark: backtests.Mark | None = (span.played_since, backtests.FIRST_ID)
    while mark is not None:
        page = await store.read(backtests.read_page, mark, until=span.until, kinds=kinds, limit=PAGE)
        mark = page.mark
        yield page.events


def _parse(source: Source, kept: Sequence[Delivery]) -> Iterator[Event]:
    """Yield the events of deliveries that this release understands."""
    for delivery in kept:
        try:
            yield source.parse(delivery)
        except Permanent:
            continue  # it is a dead letter, or will be: no route hears of it
