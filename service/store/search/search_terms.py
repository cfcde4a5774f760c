"""The terms of events, and the inverted index that finds events by them.

Every filter is a term: a word, a name of the project or the actor, or the value of a column. SQLite has the index as a
full-text table without content, ordered by place; Postgres has it as a GIN index on numbers of terms.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from uuid import UUID
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    column,
    intersect,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from service.db.tables import INDEXED_COLUMNS, Transaction, events
from service.model import slug_spellings
from service.store.rows import Row
from service.store.search.names import full_name
from service.store.search.places import ID_BITS

SEARCHED = (
    *("project_slug", "project_name", "org", "branch", "tag", "revision", "workflow_name", "job_name"),
    *("commit_subject", "commit_author_name", "actor_login", "actor_name"),
)
VALUED = ("kind", *INDEXED_COLUMNS)
"""The columns whose values are terms."""

SHORT_REVISION = 7
_MAX_WORDS = 100  # of one event: a subject may be a whole essay
_MAX_CHARACTERS = 400  # an index takes no entry of any length
_SLOTS = (29, 35, 41)  # the lengths of slots of time, as powers of two: 9 minutes, 10 hours, 25 days
_WORD = re.compile(r"[^\W_]+")
_UNQUOTED = re.compile(r"[A-Za-z0-9_.~@#=-]+")
_MAX_SLOTS = 64  # of one search: the index compares each event that it finds with all of them

Clause = tuple[str, ...]
"""Terms of which an event must have one."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span of places: from ``low`` up to but without ``high``."""

    low: int
    high: int


@lru_cache(maxsize=1_000)  # names of projects, branches and people come again and again
def words_in(text: str) -> tuple[str, ...]:
    """Return the words of a text: runs of letters and digits, in lower case."""
    return tuple(word[:_MAX_CHARACTERS] for word in _WORD.findall(text.casefold()))


def actor_term(name: str) -> str:
    """Return the term of an actor's login or name; its sign keeps it apart from words."""
    return f"@{name}"[:_MAX_CHARACTERS]


def project_term(name: str) -> str:
    """Return the term of a project's slug, in any spelling, or of its name.

    The name with or without its organization.
    """
    return f"#{slug_spellings(name)[0]}"[:_MAX_CHARACTERS]


def value_term(column: str, value: str) -> str:
    """Return the term of a column's value."""
    return f"{column}={value}"[:_MAX_CHARACTERS]


def terms_of(row: Row) -> set[str]:
    """Return the terms of an event; a revision also by its first seven digits."""
    return set().union(*(terms(row) for terms in _TERMS.values()))


def _words_of(row: Row) -> Iterable[str]:
    found = dict.fromkeys(word for name in SEARCHED if row[name] for word in words_in(row[name]))
    short = [row["revision"][:SHORT_REVISION].casefold()] if row["revision"] else []
    return [*list(found)[:_MAX_WORDS], *short]


def _actors_of(row: Row) -> Iterable[str]:
    return [actor_term(row[name]) for name in ("actor_login", "actor_name") if row[name]]


def _projects_of(row: Row) -> Iterable[str]:
    return [project_term(name) for name in (row["project_slug"], row["project_name"], full_name(row)) if name]


def _values_of(row: Row) -> Iterable[str]:
    return [value_term(name, row[name]) for name in VALUED if row[name]]


_TERMS: Mapping[str, Callable[[Row], Iterable[str]]] = {
    "@": _actors_of,
    "#": _projects_of,
    "=": _values_of,
    "": _words_of,
}
"""The terms of an event, by the sign that each of them has: words have none."""


def _sign(term: str) -> str:
    return term[0] if term[0] in "@#" else "=" if "=" in term else ""


def numbers_of(terms: Iterable[str], place: int) -> list[int]:
    """Return the numbers by which Postgres finds an event of these terms at a place."""
    return sorted({*map(_number, terms), *(_slot_number(bits, place >> ID_BITS + bits) for bits in _SLOTS)})


def _number(term: str) -> int:
    """Return the number of a term, which another term may have too."""
    return crc32(term.encode("utf-8", "surrogatepass")) - 2**31


def _slot_number(bits: int, slot: int) -> int:
    """Return the number of a slot of time.

    With it a search need not read the whole list of a term.
    """
    return _number(f"slot {bits} {slot}")


def _slot_numbers(span: Span) -> list[int]:
    """Return the numbers of the shortest slots of which few cover a span.

    None, if even of the longest there are too many.
    """
    for bits in _SLOTS:
        first, last = span.low >> ID_BITS + bits, (span.high - 1) >> ID_BITS + bits
        if last - first < _MAX_SLOTS:
            return [_slot_number(bits, slot) for slot in range(first, last + 1)]
    return []


def put(transaction: Transaction, rows: Iterable[Row]) -> None:
    """Insert the terms of events on SQLite; terms that an event had before stay.

    On Postgres they are a column of the event.
    """
    if transaction.dialect.name == "sqlite":
        lines = [(row["place"], spelled(terms_of(row))) for row in rows]
        transaction.exec_driver_sql(_INSERT, lines)


def forget(transaction: Transaction, event_ids: Collection[UUID]) -> None:
    """Delete the terms of events, before the events that name them are deleted."""
    if transaction.dialect.name != "sqlite":
        return
    columns = {events.c[name] for name in ("place", "org", *VALUED, *SEARCHED)}
    rows = transaction.execute(select(*columns).where(events.c.id.in_(event_ids))).mappings()
    if lines := [{"place": row["place"], "terms": spelled(terms_of(row))} for row in rows]:
        transaction.execute(_DELETE, lines)


_INSERT = "INSERT INTO event_terms (rowid, terms) VALUES (?, ?)"
_DELETE = text("INSERT INTO event_terms (event_terms, rowid, terms) VALUES ('delete', :place, :terms)")


def spelled(terms: Iterable[str]) -> str:
    """Return terms as the text that SQLite's index takes apart at its blanks."""
    return " ".join(map(_spelled, sorted(terms)))


@lru_cache(maxsize=10_000)  # most terms of an event are those of others
def _spelled(term: str) -> str:
    if _UNQUOTED.fullmatch(term):  # nearly every term; to quote one takes ten times as long
        return term
    return quote(term, safe="@#=", errors="surrogatepass")


def matching(
    transaction: Transaction, clauses: Sequence[Clause], span: Span, columns: Sequence[ColumnElement[Any]] = ()
) -> Select[Any]:
    """Return a selection of the places in a span that match every clause.

    They come in no order. A few of them may not match: different terms of one spelling, or with one number.

    columns   those of events to select after the place: to look for each of many by its place takes as long as to find
              them
    """
    return _MATCHING[transaction.dialect.name](clauses, span, columns)


def matching_in_part(
    transaction: Transaction, clauses: Sequence[Clause], span: Span
) -> Select[int] | CompoundSelect[int]:
    """Return the same selection, for a span that is a small part of the history.

    SQLite's index looks for the first event with several terms without regard to the span: where no event has all of
    them, it reads their lists to the end of the history. The list of one term it reads within the span alone.
    """
    if transaction.dialect.name != "sqlite" or len(clauses) == 1:
        return matching(transaction, clauses, span)
    return intersect(*(matching(transaction, [one], span) for one in clauses))


_event_terms = table("event_terms", column("rowid", Integer))


def _matching_on_sqlite(clauses: Sequence[Clause], span: Span, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    asked = " AND ".join(f"({' OR '.join(f'{chr(34)}{_spelled(term)}{chr(34)}' for term in one)})" for one in clauses)
    place = _event_terms.c.rowid
    is_matching = literal_column("event_terms").op("MATCH")(asked)
    found = select(place.label("place"), *columns).where(is_matching, place >= span.low, place < span.high)
    return found.join_from(_event_terms, events, events.c.place == place) if columns else found


def _matching_on_postgres(clauses: Sequence[Clause], span: Span, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Return what the GIN index finds.

    OFFSET keeps the planner from walking all places instead. The slots come first: the index compares the lists of
    terms in the order of the conditions, and after the first it skips what lies before the span.
    """
    slots = _slot_numbers(span)
    wanted = [_has_any(slots)] if slots else []
    wanted += [_has_any(map(_number, clause)) for clause in clauses]
    found = select(events.c.place, *columns).where(*wanted).offset(0).subquery()
    return select(found).where(found.c.place >= span.low, found.c.place < span.high)


def _has_any(numbers: Iterable[int]) -> ColumnElement[bool]:
    return events.c.terms.bool_op("&&")(literal(list(numbers), ARRAY(Integer)))


_MATCHING: Mapping[str, Callable[[Sequence[Clause], Span, Sequence[ColumnElement[Any]]], Select[Any]]] = {
    "sqlite": _matching_on_sqlite,
    "postgresql": _matching_on_postgres,
}


def is_match(row: Row, clauses: Sequence[Clause]) -> bool:
    """Tell whether an event has a term of every clause."""
    signs = {_sign(term) for clause in clauses for term in clause}
    terms = set().union(*(_TERMS[sign](row) for sign in signs))
    return all(not terms.isdisjoint(clause) for clause in clauses)
