"""Search of events by any filters, newest first, a page at a time by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select

from service.db.tables import Transaction, events
from service.model import Event, EventKind
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.event_index import EVERYTHING, TimeRange, first_in_all, scan_end, sort_by_selectivity
from service.store.filters import Search, Tests, read_tests
from service.store.rows import to_event
from service.store.search_terms import words_in

SCAN_LIMITS = (200, 2_000, 6_000)  # entries read for one page: most pages are full after the first
SAMPLE = 100  # events looked at to see of how many the actor is known
MAX_RECENT = 50_000  # events in which projects are looked for


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
    span = TimeRange(since=wanted.since, until=wanted.until, beyond=to_sort_key(cursor) if cursor else None)
    if wanted.q and wanted.q.strip() and not words_in(wanted.q):
        return Page(items=[], next=None)
    tests = read_tests(transaction, wanted)
    filters = sort_by_selectivity(transaction, tests.lists, span)
    places: list[SortKey] = []
    ahead = iter(scan_limits)
    scan_limit: int | None = next(ahead)
    while scan_limit:
        walked = filters[0].within(span, limit=scan_limit)
        places += first_in_all(transaction, walked, [*filters[1:], *tests.facts], limit=limit + 1 - len(places))
        if len(places) > limit:
            return _page(transaction, places[:limit], tests, end=places[limit - 1])
        end = scan_end(transaction, filters[0], span, scan_limit=scan_limit)
        if end is None:
            break
        span, scan_limit = replace(span, beyond=end), next(ahead, None)
    items = _events(transaction, places, tests)
    return Page(items=items, next=to_cursor(end), looked_back_to=end.at) if end else Page(items=items, next=None)


def _page(transaction: Transaction, places: Sequence[SortKey], tests: Tests, *, end: SortKey) -> Page:
    """Return a page with a cursor; an empty one tells the time searched back to."""
    items = _events(transaction, places, tests)
    return Page(items=items, next=to_cursor(end), looked_back_to=None if items else end.at)


def recent_projects(transaction: Transaction, *, since: datetime) -> list[str]:
    """Return the project slugs of the newest events since a time, in order.

    Only so many events are read.
    """
    newest = (
        select(events.c.project_slug)
        .where(events.c.happened_at >= since)
        .order_by(events.c.happened_at.desc(), events.c.id.desc())
        .limit(MAX_RECENT)
        .subquery()
    )
    slugs = select(newest.c.project_slug).where(newest.c.project_slug.is_not(None)).distinct()
    return sorted(transaction.execute(slugs).scalars())


def known_actors(transaction: Transaction, wanted: Search) -> tuple[int, int]:
    """Count the newest events of a span with a known actor, and those that were read."""
    span = TimeRange(since=wanted.since, until=wanted.until)
    places = first_in_all(transaction, EVERYTHING.within(span, limit=SAMPLE), [], limit=SAMPLE)
    some = events.c.id.in_([place.id for place in places])
    counting = select(func.count(func.coalesce(events.c.actor_login, events.c.actor_name)), func.count())
    known, looked = transaction.execute(counting.where(some, events.c.kind != EventKind.PING)).one()
    return known, looked


def _events(transaction: Transaction, places: Sequence[SortKey], tests: Tests) -> list[Event]:
    found = select(events).where(events.c.id.in_([place.id for place in places]))
    rows = {row["id"]: row for row in transaction.execute(found).mappings() if tests.fit(row)}
    return [to_event(rows[place.id]) for place in places if place.id in rows]
