"""The jobs whose posts are on record, found by the terms of searches."""

from datetime import datetime, timedelta

from sqlalchemy import select

from service.db.tables import Transaction, events
from service.model import EventKind
from service.store.search.places import first_place
from service.store.search.search_terms import Span, matching, project_term, value_term

LATE = timedelta(hours=1)
"""The time after a workflow's end in which posts of its jobs are looked for."""
CHUNK = 500


def has_any(transaction: Transaction, slug: str, since: datetime) -> bool:
    """Return whether posts of a project's jobs came since a time."""
    span = Span(low=first_place(since), high=first_place(since + timedelta(days=366)))
    return transaction.execute(matching(transaction, _clauses(slug), span).limit(1)).first() is not None


def ids_of(transaction: Transaction, slug: str, begin: datetime, end: datetime) -> frozenset[str]:
    """Return CircleCI's ids of the jobs of a project that ended in a span of time."""
    span = Span(low=first_place(begin), high=first_place(end + LATE))
    places = transaction.execute(matching(transaction, _clauses(slug), span)).scalars().all()
    found: set[str] = set()
    for start in range(0, len(places), CHUNK):
        wanted = select(events.c.job_id).where(events.c.place.in_(places[start : start + CHUNK]))
        found.update(one for one in transaction.execute(wanted).scalars() if one is not None)
    return frozenset(found)


def _clauses(slug: str) -> list[tuple[str, ...]]:
    return [(value_term("kind", EventKind.JOB_COMPLETED),), (project_term(slug),)]
