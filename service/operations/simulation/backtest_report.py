"""The messages of a back-test, beside those that were sent or other routes send."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from service.db.database import Store
from service.model import Event, News
from service.operations.json_shapes import Json, rfc3339
from service.operations.simulation.backtest import Played, Span
from service.store.events import events
from service.store.reports import backtests
from service.store.reports.backtests import SentMessage

PAGE = 2_000
MAX_EXAMPLES = 20
INCLUDED = (
    *(
        "runs",
        "groups",
        "waits for automatic reruns",
        "quiet hours and their summaries",
        "silences",
        "reminders",
        "escalation",
        "digests",
    ),
    *("takes, mutes and classes of incidents", "known problems", "shared causes", "paces and bursts of channels"),
)
LEFT_OUT = (
    "pauses that channels ask for",
    "what no route reaches of a shared cause",
    "alarms of Roundsman's own",
)

Place = tuple[str, str]
"""A receiver and a route."""


@dataclass(kw_only=True)
class Difference:
    """The messages that only one side sent: their number, and the first of them.

    refused   the number of those that the other side meant to send, and a channel did not take
    """

    counts: Counter[Place] = field(default_factory=Counter)
    refused: Counter[Place] = field(default_factory=Counter)
    examples: list[SentMessage] = field(default_factory=list)

    def add(self, one: SentMessage, *, is_known: bool) -> None:
        """Count a message, unless the other side sent it too."""
        if is_known:
            return
        self.counts[one.receiver, one.route] += 1
        self.examples.append(one)
        if len(self.examples) >= 2 * MAX_EXAMPLES:
            self.shorten()

    def shorten(self) -> None:
        """Keep the first messages by time."""
        self.examples = sorted(self.examples, key=lambda one: (one.sent_at, one.id))[:MAX_EXAMPLES]


@dataclass(kw_only=True)
class _Side:
    """The messages of one database."""

    store: Store
    keys: set[tuple[str, str]] = field(default_factory=set)
    counts: Counter[Place] = field(default_factory=Counter)
    news: Counter[News] = field(default_factory=Counter)
    days: Counter[date] = field(default_factory=Counter)

    async def read(self, span: Span) -> None:
        """Read the messages of a span, and count them."""
        async for page in _pages(self.store, span):
            for one in page:
                self.keys.add(one.key)
                self.counts[one.receiver, one.route] += 1
                self.news[one.news] += 1
                self.days[one.sent_at.date()] += 1

    async def beside(self, other: "_Side", span: Span) -> Difference:
        """Return the messages that another side did not send."""
        found, refused = Difference(), await other.store.read(backtests.read_refused, span.until)
        async for page in _pages(self.store, span):
            for one in page:
                if one.key not in other.keys and one in refused:
                    found.refused[one.receiver, one.route] += 1
                else:
                    found.add(one, is_known=one.key in other.keys)
        found.shorten()
        return found


async def compare(tried: Store, base: Store, played: Played) -> Json:
    """Return what was sent in one database, and how it differs from another.

    ``a_day`` is None for a history of less than a day; ``new`` and ``gone`` are the first messages that only the one or
    only the other sent; ``refused`` counts those that the other meant to send too, and that a channel did not take.
    """
    span, ours, theirs = played.measured, _Side(store=tried), _Side(store=base)
    await ours.read(span)
    await theirs.read(span)
    new, gone = await ours.beside(theirs, span), await theirs.beside(ours, span)
    places = sorted(ours.counts.keys() | gone.counts.keys())
    return {
        "since": rfc3339(played.span.since),
        "until": rfc3339(span.until),
        "history_since": rfc3339(played.since) if played.since else None,
        "days": round(span.days, 2),
        "events": played.events,
        "judged": played.judged,
        "messages": ours.counts.total(),
        "refused": new.refused.total(),
        "a_day": _a_day(ours.counts.total(), span),
        "by_news": {news.value: ours.news[news] for news in sorted(ours.news)},
        "acts": {verb: number for verb, number in played.history.counts.items() if number},
        "included": list(INCLUDED),
        "left_out": list(LEFT_OUT),
        "routes": [_route(place, ours, new, gone) | {"a_day": _a_day(ours.counts[place], span)} for place in places],
        "per_day": [{"day": day.isoformat(), "messages": ours.days[day]} for day in sorted(ours.days)],
        "new": await _examples(tried, new),
        "gone": await _examples(base, gone),
    }


def _route(place: Place, ours: _Side, new: Difference, gone: Difference) -> Json:
    return {
        "receiver": place[0],
        "route": place[1],
        "messages": ours.counts[place],
        "new": new.counts[place],
        "gone": gone.counts[place],
        "refused": new.refused[place],
    }


def _a_day(messages: int, span: Span) -> float | None:
    return round(messages / span.days, 2) if span.days >= 1 else None


async def _pages(store: Store, span: Span) -> AsyncIterator[Sequence[SentMessage]]:
    after = backtests.FIRST_ID
    while page := await store.read(backtests.read_sent, (span.since, span.until), after, PAGE):
        after = page[-1].id
        yield page


async def _examples(store: Store, difference: Difference) -> list[Json]:
    ids = {one.event_id for one in difference.examples if one.event_id}
    found = await store.read(events.find_all, ids)
    return [_example(one, found) for one in difference.examples]


def _example(one: SentMessage, found: Mapping[UUID, Event]) -> Json:
    event = found.get(one.event_id) if one.event_id else None
    return {
        "at": rfc3339(one.sent_at),
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
