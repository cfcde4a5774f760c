"""Looking things up: builds by any filter, newest first, a page at a time by cursor."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from service.errors import BadRequest
from service.model import Event, EventKind, Verdict
from service.store.lists import EVERYTHING, Entries, Facts, Span, end_of_stride, first_in_all, shortest_first
from service.store.places import Place, to_cursor, to_place
from service.store.rows import to_event
from service.store.words import actor_word, project_word, words_in
from service.tables import Transaction, decisions, events, words

STRIDES = (200, 2_000, 6_000)  # how far a list is walked for one page: most pages are full after the first few entries
SAMPLE = 100  # events looked at to see of how many the actor is known
TELLING = (Verdict.MATCHED, Verdict.ALREADY_TOLD)
MAX_RECENT = 50_000  # events in which projects are looked for
MOST_WORDS = 20  # of a search: each is a list of its own, and SQLite takes no more than some hundred at once


@dataclass(frozen=True, kw_only=True)
class Search:
    """Filters of events; one that is None or empty keeps all. Of several values of one filter, any will do.

    project       a slug, ``gh/acme/web`` or ``github/acme/web`` alike, or the project's name, ``acme/web`` or ``web``
    actor         login or name; known of those events alone of which the source was asked
    author        name or e-mail address of the commit's author
    told          ``none``: no route had the event told, or had it told already; ``any``: one had
    since, until  when it happened: from, and up to but without
    q             words, whole and in any case, each of them anywhere in names, subject, branch and tag; a revision goes
                  by its first seven digits or by all of them
    """

    project: Sequence[str] = ()
    branch: Sequence[str] = ()
    tag: Sequence[str] = ()
    workflow: Sequence[str] = ()
    job: Sequence[str] = ()
    status: Sequence[str] = ()
    event: Sequence[EventKind] = ()
    actor: Sequence[str] = ()
    author: Sequence[str] = ()
    told: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


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
    strides: Sequence[int] = STRIDES,
) -> Page:
    """One page of the events that fit. Raises BadRequest for a cursor that is not one of ours, and for too many words.

    Where too few of what was looked at fit, the page is not full, or empty even, and ``next`` leads on.
    """
    # a place, not a count: what comes in meanwhile shifts nothing, and the thousandth page costs no more
    span = Span(since=wanted.since, until=wanted.until, beyond=to_place(cursor) if cursor else None)
    facts = [Facts(values=values) for values in (_is_by(wanted.author), _is_told(wanted.told)) if values]
    if wanted.q and wanted.q.strip() and not words_in(wanted.q):
        return Page(items=[], next=None)
    if len(words_in(wanted.q or "")) > MOST_WORDS:
        raise BadRequest(f"q may have {MOST_WORDS} words; keep those that are rare")
    filters = shortest_first(transaction, list(_filters(wanted)), span)
    places: list[Place] = []
    ahead = iter(strides)
    stride: int | None = next(ahead)
    while stride:
        walked = filters[0].within(span, limit=stride)
        places += first_in_all(transaction, walked, [*filters[1:], *facts], limit=limit + 1 - len(places))
        if len(places) > limit:
            return Page(items=_events(transaction, places[:limit]), next=to_cursor(places[limit - 1]))
        end = end_of_stride(transaction, filters[0], span, stride=stride)
        if end is None:
            break
        span, stride = replace(span, beyond=end), next(ahead, None)
    items = _events(transaction, places)
    return Page(items=items, next=to_cursor(end), looked_back_to=end.at) if end else Page(items=items, next=None)


def recent_projects(transaction: Transaction, *, since: datetime) -> list[str]:
    """Return the slugs of the projects of the newest events since a time, in order; of a limited number of events."""
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
    """Of how many of the newest events in a span the actor is known, and how many were looked at."""
    span = Span(since=wanted.since, until=wanted.until)
    places = first_in_all(transaction, EVERYTHING.within(span, limit=SAMPLE), [], limit=SAMPLE)
    some = events.c.id.in_([place.id for place in places])
    counting = select(func.count(func.coalesce(events.c.actor_login, events.c.actor_name)), func.count())
    known, looked = transaction.execute(counting.where(some, events.c.kind != EventKind.PING)).one()
    return known, looked


def _events(transaction: Transaction, places: Sequence[Place]) -> list[Event]:
    found = select(events).where(events.c.id.in_([place.id for place in places]))
    rows = {row["id"]: row for row in transaction.execute(found).mappings()}
    return [to_event(rows[place.id]) for place in places if place.id in rows]


_COLUMNS = {
    "branch": events.c.branch,
    "tag": events.c.tag,
    "workflow": events.c.workflow_name,
    "job": events.c.job_name,
    "status": events.c.status,
    "event": events.c.kind,
}


def _filters(wanted: Search) -> Iterator[Entries]:
    for field, column in _COLUMNS.items():
        if values := getattr(wanted, field):
            yield Entries(table=events, values=[column == value for value in dict.fromkeys(values)])
    people_and_projects = [
        [project_word(name) for name in wanted.project],
        [actor_word(name) for name in wanted.actor],
        _author_words(wanted.author),
    ]
    for given in (*people_and_projects, *([word] for word in dict.fromkeys(words_in(wanted.q or "")))):
        if values := dict.fromkeys(given):
            yield Entries(table=words, values=[words.c.word == value for value in values])


def _is_by(authors: Sequence[str]) -> list[ColumnElement[bool]]:
    return [events.c.commit_author_name.in_(authors), events.c.commit_author_email.in_(authors)] if authors else []


def _is_told(wanted: Sequence[str]) -> list[ColumnElement[bool]]:
    """Tests of whether a route had it told; not by EXISTS, which could be turned into a join with all decisions."""
    tells = (decisions.c.event_id == events.c.id, decisions.c.verdict.in_(TELLING))
    one = select(decisions.c.event_id).where(*tells).limit(1).scalar_subquery()
    return [one.is_(None) if told == "none" else one.is_not(None) for told in wanted]


def _author_words(authors: Sequence[str]) -> list[str]:
    """The longest word of each author's name, which every event of theirs has; nothing when one is no name."""
    longest = [max(words_in(author), key=len, default="") for author in authors if "@" not in author]
    return longest if all(longest) and len(longest) == len(authors) else []
