"""Back-test of routes: what they would have sent of the stored history."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from service.circleci.source import Source
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Permanent
from service.model import Delivery, Event, News, Notification, Silence
from service.operations.json_shapes import Json, rfc3339
from service.operations.simulation import Simulation
from service.store import backtests, events, silences

PAGE = 200
MAX_EXAMPLES = 20
WARM_UP = timedelta(days=14)
"""The history before the first day is played for so long, without counting: what is red then must be known."""

Place = tuple[str, str]
"""A receiver and a route."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """The time of a back-test."""

    since: datetime
    until: datetime

    @property
    def days(self) -> float:
        """Return its length in days."""
        return (self.until - self.since) / timedelta(days=1)


@dataclass(kw_only=True)
class Difference:
    """The messages that only one side sent: their number, and the first of them."""

    counts: Counter[Place] = field(default_factory=Counter)
    examples: list[Notification] = field(default_factory=list)

    def add(self, one: Notification) -> None:
        """Count a message."""
        self.counts[one.receiver, one.route] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(one)


async def replay_history(
    history: Store,
    source: Source,
    simulation: Simulation,
    span: Span,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Play the stored history up to the end of a span.

    progress   is called with the number of events of each page
    """
    await simulation.context.store.write(_copy_silences, await history.read(silences.unexpired, span.since - WARM_UP))
    async for page in _pages(history, span.since - WARM_UP):
        parsed = [(delivery, event) for delivery, event in _parse(source, page) if delivery.received_at <= span.until]
        details = await history.read(events.find_all_details, [event.id for _, event in parsed])
        await simulation.play(parsed, details)
        progress(len(page))
    await simulation.finish(span.until)


async def count_history(history: Store, span: Span) -> int:
    """Return the number of events that are played."""
    return await history.read(backtests.count, span.since - WARM_UP)


def _copy_silences(transaction: Transaction, found: Sequence[Silence]) -> None:
    for one in found:
        silences.put(transaction, one)


async def _pages(history: Store, since: datetime) -> AsyncIterator[Sequence[Delivery]]:
    mark: backtests.Mark | None = (since, backtests.FIRST_ID)
    while mark is not None:
        page = await history.read(backtests.read_page, mark, PAGE)
        mark = page.mark
        yield page.deliveries


def _parse(source: Source, kept: Sequence[Delivery]) -> Iterator[tuple[Delivery, Event]]:
    """Yield deliveries that this release understands, with their events."""
    for delivery in kept:
        try:
            yield delivery, source.parse(delivery)
        except Permanent:
            continue  # it is a dead letter, or will be: no route hears of it


async def compare(tried: Store, base: Store, span: Span) -> Json:
    """Return what was sent in one database, and how it differs from another.

    The shape is ``{"since", "until", "days", "messages", "a_day", "routes": [...], "per_day": [...], "new": [...],
    "gone": [...]}``; ``new`` and ``gone`` are the first messages that only the one or only the other sent.
    """
    counts: Counter[Place] = Counter()
    days: Counter[date] = Counter()
    new, gone = Difference(), Difference()
    async for page in _sent(tried, span):
        there = await base.read(backtests.find_sent, page)
        for one in page:
            counts[one.receiver, one.route] += 1
            days[(one.sent_at or one.created_at).date()] += 1
            if (one.topic, one.channel_key) not in there:
                new.add(one)
    async for page in _sent(base, span):
        there = await tried.read(backtests.find_sent, page)
        for one in page:
            if (one.topic, one.channel_key) not in there:
                gone.add(one)
    return {
        "since": rfc3339(span.since),
        "until": rfc3339(span.until),
        "days": round(span.days, 2),
        "messages": counts.total(),
        "a_day": _a_day(counts.total(), span),
        "routes": [
            {
                "receiver": place[0],
                "route": place[1],
                "messages": counts[place],
                "new": new.counts[place],
                "gone": gone.counts[place],
                "a_day": _a_day(counts[place], span),
            }
            for place in sorted(counts.keys() | gone.counts.keys())
        ],
        "per_day": [{"day": day.isoformat(), "messages": days[day]} for day in sorted(days)],
        "new": await _examples(tried, new),
        "gone": await _examples(base, gone),
    }


def _a_day(messages: int, span: Span) -> float:
    return round(messages / max(span.days, 1), 2)


async def _sent(store: Store, span: Span) -> AsyncIterator[Sequence[Notification]]:
    after = backtests.FIRST_ID
    while page := await store.read(backtests.read_sent, span.since, after, PAGE):
        after = page[-1].id
        yield [one for one in page if one.sent_at and one.sent_at <= span.until and one.news is not News.OPERATOR]


async def _examples(store: Store, difference: Difference) -> list[Json]:
    ids = {one.event_id for one in difference.examples if one.event_id}
    found = await store.read(events.find_all, ids)
    return [
        {
            "at": rfc3339(one.sent_at or one.created_at),
            "receiver": one.receiver,
            "route": one.route,
            "channel": one.channel_label,
            "news": one.news.value,
            "event": str(one.event_id) if one.event_id else None,
            "project": event.project_name if event else None,
            "branch": event.branch if event else None,
            "workflow": event.workflow.name if event else None,
            "status": event.status if event else None,
        }
        for one in sorted(difference.examples, key=lambda one: one.sent_at or one.created_at)
        for event in [found.get(one.event_id) if one.event_id else None]
    ]
