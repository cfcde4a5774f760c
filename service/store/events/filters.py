"""Filters of events, as index scans, facts to look up, and conditions to check."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import ColumnElement, and_, or_, select

from service.db.tables import Transaction, decisions, events
from service.errors import BadRequest
from service.model import EventKind, Transition, slug_spellings
from service.routing.match_keys import SEARCH_FILTERS
from service.routing.patterns import compile_pattern, has_wildcards, unescape
from service.store.rows import Row
from service.store.runs import track_search
from service.store.search.names import MAX_LISTED, ON_RECORD, SPELLINGS, expand, find_same, fold, like
from service.store.search.search_terms import Clause, actor_term, project_term, value_term, words_in
from service.store.search.transitions import is_transition

MAX_WORDS = 20  # of a search: each is looked up by itself
MAX_PATTERNS = 20  # of one filter
PART = re.compile(r"(?:\\.|[^,\\]|\\$)+", re.DOTALL)

LITERAL = re.compile(r"([*?\[\]!\\])")
BACKSLASHED = r"\\\1"


@dataclass(frozen=True, kw_only=True)
class Search:
    """Filters of events: several values mean any of them, None or empty means all.

    Names are patterns as in roundsman.yaml, in any case: globs, lists with commas, and ``!`` before what is left out. A
    text that equals a name on record means that name, and a backslash takes the sign behind it literally.

    names         the patterns of each filter in ``SEARCH_FILTERS``
    event         kinds of events
    told          ``none``: no route had the event told, or had it told already; ``any``: one had
    since, until  when it happened: from, and up to but without
    by            parts of names: of who started it, or of the commit's author
    transition    what its run did to its track
    q             words, whole and in any case, each of them anywhere in names, subject, branch and tag; a revision goes
                  by its first seven digits or by all of them
    """

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    event: Sequence[EventKind] = ()
    by: Sequence[str] = ()
    transition: Sequence[Transition] = ()
    told: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    q: str | None = None


@dataclass(frozen=True, kw_only=True)
class Patterns:
    """The patterns of a filter: one of the first must match, none of the second may."""

    wanted: Sequence[str] = ()
    excluded: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Tests:
    """All that an event must pass.

    clauses  it must have a term of each; an index finds such events
    facts    conditions on its row, of which no index knows
    checks   tests of its row, where the database can tell only nearly
    """

    clauses: list[Clause] = field(default_factory=list)
    facts: list[ColumnElement[bool]] = field(default_factory=list)
    checks: list[Callable[[Row], bool]] = field(default_factory=list)

    __test__ = False  # pytest would take the name for a test class

    def fit(self, row: Row) -> bool:
        """Tell whether an event passes a closer look."""
        return all(check(row) for check in self.checks)


def read_tests(transaction: Transaction, wanted: Search) -> Tests:
    """Return the clauses and conditions of a search. Raises BadRequest for too many."""
    tests = Tests()
    for name, given in wanted.names.items():
        patterns = read_patterns(transaction, name, given)
        _add_wanted(transaction, tests, name, patterns.wanted)
        _add_excluded(transaction, tests, name, patterns.excluded)
    if wanted.event:
        tests.clauses.append(tuple(value_term("kind", kind) for kind in dict.fromkeys(wanted.event)))
    tests.clauses.extend(_clauses_of_words(wanted.q or ""))
    if wanted.by:
        _add_people(transaction, tests, wanted.by)
    if wanted.transition:
        tests.facts.append(is_transition(transaction, wanted.transition))
    if wanted.told:
        tests.facts.append(or_(*_is_told(wanted.told)))
    return tests


def read_patterns(transaction: Transaction, name: str, given: Sequence[str]) -> Patterns:
    """Return the patterns of a filter; a text equal to a stored name means that name.

    Raises BadRequest for too many.
    """
    signed = [one for text in given for one in _signed(transaction, name, text)]
    if len(signed) > MAX_PATTERNS:
        raise BadRequest(f"{name!a} may have {MAX_PATTERNS} values, and it has {len(signed)}; ask in parts")
    return Patterns(
        wanted=[pattern for is_wanted, pattern in signed if is_wanted],
        excluded=[pattern for is_wanted, pattern in signed if not is_wanted],
    )


def _signed(transaction: Transaction, name: str, text: str) -> Iterator[tuple[bool, str]]:
    """Yield each pattern of a list, and whether it is wanted."""
    if has_signs(text):
        for is_wanted, whole in ((True, text), (False, text.removeprefix("!"))):
            if (is_wanted or whole != text) and find_same(transaction, name, whole):
                yield is_wanted, LITERAL.sub(r"\\\1", whole)
                return
    parts = [part for found in PART.finditer(text) if (part := found[0].strip()) not in {"", "!"}]
    for part in parts or [LITERAL.sub(r"\\\1", text)]:
        yield not part.startswith("!"), part.removeprefix("!").replace("\\,", ",")


def has_signs(text: str) -> bool:
    """Tell whether a text may mean something else than itself."""
    return any(sign in text for sign in ",!*?[]\\")


def escaped(text: str) -> str:
    """Return what to write for a name that is to be taken as it is, also in a list."""
    return LITERAL.sub(r"\\\1", text).replace(",", r"\,")


def _add_wanted(transaction: Transaction, tests: Tests, name: str, patterns: Sequence[str]) -> None:
    if not patterns:
        return
    values = _expand_all(transaction, name, patterns)
    if values == []:
        values = list(patterns)  # no event has a glob for a name: a term without events
    if values is None:
        tests.facts.append(or_(*(_is_like(column, one) for column in _columns(name) for one in patterns)))
        tests.checks.append(lambda row: _fits_any(name, patterns, row))
    elif name == "author":  # authors are no terms: a word of their names stands for each
        tests.clauses.extend([tuple(longest)] if (longest := _author_words(values)) else [])
        tests.facts.append(or_(*(column.in_(values) for column in _columns(name))))
    else:
        tests.clauses.append(tuple(dict.fromkeys(_term(name, value) for value in values)))


def _add_excluded(transaction: Transaction, tests: Tests, name: str, patterns: Sequence[str]) -> None:
    if not patterns:
        return
    values = _expand_all(transaction, name, patterns)
    if values is None:
        tests.checks.append(lambda row: not _fits_any(name, patterns, row))
    if not values:
        return
    spelled = [spelling for value in values for spelling in (slug_spellings(value) if name == "project" else [value])]
    is_other = (or_(column.is_(None), column.not_in(spelled)) for column in _columns(name))
    tests.facts.append(and_(*is_other))


def _expand_all(transaction: Transaction, name: str, patterns: Sequence[str]) -> list[str] | None:
    """Return the names that any pattern matches; None if they are too many to scan.

    Also None if they are not on record.
    """
    if name not in ON_RECORD:
        return None
    found: dict[str, None] = {}
    for pattern in patterns:
        some = _expand(transaction, name, pattern)
        if some is None:
            return None
        found |= dict.fromkeys(some)
    return list(found) if len(found) <= MAX_LISTED else None


def _expand(transaction: Transaction, name: str, pattern: str) -> list[str] | None:
    """Return the names that a pattern matches; a project may lack its organization."""
    found = expand(transaction, name, pattern)
    if name != "project" or found is None or has_wildcards(pattern):
        return found
    return list(dict.fromkeys([*found, *track_search.find_projects(transaction, unescape(pattern))]))


def _add_people(transaction: Transaction, tests: Tests, parts: Sequence[str]) -> None:
    """Add the test that a starter or an author has one of these parts in the name.

    Addresses are compared only if a part has an ``@``: they have no list of events. Raises BadRequest for too many.
    """
    patterns = [f"*{LITERAL.sub(BACKSLASHED, part.strip())}*" for part in parts]
    actors, authors = (_expand_all(transaction, name, patterns) for name in ("actor", "author"))
    if actors is None or authors is None:
        raise BadRequest(f"by fits more than {MAX_LISTED} people; write more of the name")
    if not any("@" in part for part in parts):
        authors = [author for author in authors if "@" not in author]
    words = _author_words(authors)
    if words or not authors:
        tests.clauses.append((*map(actor_term, actors), *words) or ("@",))  # of no event
    columns = {"actor": actors, "author": authors}
    tests.facts.append(or_(*(column.in_(found) for name, found in columns.items() for column in _columns(name))))


def _fits_any(name: str, patterns: Sequence[str], row: Row) -> bool:
    spellings = [fold(spelling) for spelling in SPELLINGS[name](row) if spelling]
    return any(compile_pattern(fold(pattern))(spelling) for pattern in patterns for spelling in spellings)


def _columns(name: str) -> list[ColumnElement[str]]:
    """Return the columns in which the names of a filter stand."""
    columns: list[ColumnElement[str]] = [events.c[column] for column in SEARCH_FILTERS[name].columns]
    return [*columns, events.c.org + "/" + events.c.project_name] if name == "project" else columns


def _term(name: str, value: str) -> str:
    """Return the term of a filter's value."""
    match name:
        case "project":
            return project_term(value)
        case "actor":
            return actor_term(value)
        case _:
            [column] = SEARCH_FILTERS[name].columns
            return value_term(column, value)


def _clauses_of_words(text: str) -> list[Clause]:
    found = words_in(text)
    if len(found) > MAX_WORDS:
        raise BadRequest(f"q may have {MAX_WORDS} words; keep those that are rare")
    return [(word,) for word in dict.fromkeys(found)]


def _is_like(column: ColumnElement[str], pattern: str) -> ColumnElement[bool]:
    """Return a test that is true at least where a pattern fits."""
    return or_(*(column.ilike(like(one), escape="\\") for one in slug_spellings(fold(pattern))))


def _is_told(wanted: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return conditions on the judgments of an event, in any round.

    Not by EXISTS, which a planner may turn into a join with all decisions.
    """
    tells = (decisions.c.event_id == events.c.id, decisions.c.is_told)
    one = select(decisions.c.event_id).where(*tells).limit(1).scalar_subquery()
    return [one.is_(None) if told == "none" else one.is_not(None) for told in wanted]


def _author_words(authors: Sequence[str]) -> list[str]:
    """Return the longest word of each author's name; nothing if one is no name.

    Every event of an author has that word.
    """
    longest = [max(words_in(author), key=len, default="") for author in authors if "@" not in author]
    return longest if all(longest) and len(longest) == len(authors) else []
