"""Search of events by any filters, newest first, a page at a time by cursor.

A page looks at the newest events first, in windows that grow: few where that fills it, then as many as an index can be
asked about in bounded time. So it costs what a page needs, and not what the table holds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, CompoundSelect, Integer, Select, bindparam, desc, func, literal, select

from service.db.columns import is_any
from service.db.tables import Transaction, events
from service.model import Event, EventKind
from service.store.events.filters import Search, Tests, read_tests
from service.store.rows import plain_rows, to_event
from service.store.runs import runs
from service.store.search.places import first_place, from_cursor, time_of, to_cursor
from service.store.search.search_terms import Clause, Span, is_match, matching, matching_in_part, words_in

SCAN_LIMITS = (200, 2_000, 6_000)  # events looked at for one page: most pages are full after the first
WIDE_WINDOW = 8  # times the last of those, by time: in so many events the index finds what is rarely together
MAX_RARE = 40  # events of a wide window with a term that is rare enough to go through all of its events
SAMPLE = 100  # events looked at to see of how many the actor is known
MAX_RECENT = 50_000  # events in which projects are looked for
ALL = Span(low=0, high=2**63 - 1)

Matching = Callable[[Transaction, Sequence[Clause], Span], Select[int] | CompoundSelect[int]]

# to build a statement takes longer than to run it
_PLACES = select(events.c.place).where(
    events.c.place >= bindparam("low", type_=BigInteger), events.c.place < bindparam("high", type_=BigInteger)
)
_NEWEST_FIRST = _PLACES.order_by(events.c.place.desc())
_ENDS = select(_PLACES.order_by(events.c.place).limit(1).scalar_subquery(), _NEWEST_FIRST.limit(1).scalar_subquery())
_PLACE_AFTER = _NEWEST_FIRST.offset(bindparam("before", type_=Integer)).limit(1)
_COUNT_KNOWN = select(func.count(func.coalesce(events.c.actor_login, events.c.actor_name)), func.count()).where(
    is_any(events.c.place, "places"), events.c.kind != EventKind.PING
)
_EVENTS = select(events).where(is_any(events.c.place, "places"))


@dataclass(frozen=True, kw_only=True)
class Page:
    """Some events, newest first, and the cursor that leads to the ones after them.

    looked_back_to   how far the search came when it had looked at enough for one page and found too little to fill it
    """

    items: Sequence[Event]
    next: str | None
    looked_back_to: datetime | None = None


def search(
    transaction: Transaction,
    wanted: Search,
    *,
    limit: int,
    cursor: str | None = None,
    scan_limits: Sequence[int] = SCAN_LIMITS,
) -> Page:
    """Return a page of matching events. Raises BadRequest for a foreign cursor.

    Also for more words than can be searched by.

    Where too few of what was looked at fit, the page is not full, or empty even, and ``next`` leads on.
    """
    # a place, not a count: what comes in meanwhile shifts nothing, and the thousandth page costs no more
    span = _span(wanted, beyond=from_cursor(cursor) if cursor else None)
    if wanted.q and wanted.q.strip() and not words_in(wanted.q):
        return Page(items=[], next=None)
    tests, span = read_tests(transaction, wanted), _taken_part(transaction, span)
    places: list[int] = []
    end = span.high
    for window, match in _windows(transaction, tests, span, scan_limits):
        places += _find(transaction, tests, window, match, limit=limit + 1 - len(places))
        if len(places) > limit:
            return _page(transaction, places[:limit], tests, end=places[limit - 1])
        end = window.low
    items = _events(transaction, places, tests)
    if end <= span.low:
        return Page(items=items, next=None)
    return Page(items=items, next=to_cursor(end), looked_back_to=time_of(end))


def _span(wanted: Search, *, beyond: int | None) -> Span:
    low = first_place(wanted.since) if wanted.since else ALL.low
    high = first_place(wanted.until) if wanted.until else ALL.high
    return Span(low=low, high=high if beyond is None else min(high, beyond))


def _taken_part(transaction: Transaction, span: Span) -> Span:
    """Return the part of a span from its oldest to its newest event."""
    low, last = transaction.execute(_ENDS, vars(span)).one()
    return Span(low=span.high, high=span.high) if low is None else Span(low=low, high=last + 1)


def _windows(
    transaction: Transaction, tests: Tests, span: Span, scan_limits: Sequence[int]
) -> Iterator[tuple[Span, Matching]]:
    """Yield the parts of a span to look at, newest first, and how to match there.

    They are not all of it, if that would take too long.
    """
    high = span.high
    for size in scan_limits:
        low = _place_after(transaction, replace(span, high=high), size)
        yield Span(low=span.low if low is None else low, high=high), matching_in_part
        if low is None:
            return
        high = low
    if tests.facts or not tests.clauses:
        return
    width = (span.high - high) * WIDE_WINDOW * max(scan_limits) // sum(scan_limits)
    wide = Span(low=max(span.low, high - width), high=high)
    yield wide, matching_in_part
    if wide.low > span.low and _has_rare_clause(transaction, tests, wide):
        yield Span(low=span.low, high=wide.low), matching


def _has_rare_clause(transaction: Transaction, tests: Tests, window: Span) -> bool:
    """Tell whether one of the clauses is rare: few events of a window match it."""
    counts = (
        len(transaction.execute(matching(transaction, [one], window).limit(MAX_RARE)).all()) for one in tests.clauses
    )
    return any(count < MAX_RARE for count in counts)


def _place_after(transaction: Transaction, span: Span, size: int) -> int | None:
    """Return the place of the last of so many events of a span; None if it has fewer."""
    place: int | None = transaction.execute(_PLACE_AFTER, {**vars(span), "before": size - 1}).scalar()
    return place


def _find(transaction: Transaction, tests: Tests, window: Span, match: Matching, *, limit: int) -> list[int]:
    """Return the newest places of a window whose events match clauses and facts."""
    if not tests.clauses:
        walked = _NEWEST_FIRST.where(*tests.facts).limit(limit)
        return list(transaction.execute(walked, vars(window)).scalars())
    fitting = match(transaction, tests.clauses, window)
    if tests.facts:
        found = fitting.subquery()
        # not as a join, which a planner may begin at its other end
        meeting = (select(literal(1)).where(events.c.place == found.c.place, fact) for fact in tests.facts)
        fitting = select(found.c.place).where(*(one.scalar_subquery() == 1 for one in meeting))
    return list(transaction.execute(fitting.order_by(desc("place")).limit(limit)).scalars())


def _page(transaction: Transaction, places: Sequence[int], tests: Tests, *, end: int) -> Page:
    """Return a page with a cursor; an empty one tells the time searched back to."""
    items = _events(transaction, places, tests)
    return Page(items=items, next=to_cursor(end), looked_back_to=None if items else time_of(end))


def recent_projects(transaction: Transaction, *, since: datetime) -> list[str]:
    """Return the project slugs of the newest events since a time, in order.

    Only so many events are read.
    """
    newest = (
        select(events.c.project_slug)
        .where(events.c.place >= first_place(since))
        .order_by(events.c.place.desc())
        .limit(MAX_RECENT)
        .subquery()
    )
    slugs = select(newest.c.project_slug).where(newest.c.project_slug.is_not(None)).distinct()
    return sorted(transaction.execute(slugs).scalars())


def known_actors(transaction: Transaction, wanted: Search) -> tuple[int, int]:
    """Count the newest events of a span with a known actor, and those that were read."""
    places = transaction.execute(_NEWEST_FIRST.limit(SAMPLE), vars(_span(wanted, beyond=None))).scalars().all()
    known, looked = transaction.execute(_COUNT_KNOWN, {"places": places}).one()
    return known, looked


def _events(transaction: Transaction, places: Sequence[int], tests: Tests) -> list[Event]:
    plain = plain_rows(transaction.execute(_EVENTS, {"places": places}))
    rows = {row["place"]: row for row in plain if is_match(row, tests.clauses) and tests.fit(row)}
    return runs.with_runs(transaction, [to_event(rows[place]) for place in places if place in rows])
