"""Names: each value of the searchable fields once, for searches without case.

A pattern is expanded into the names that it fits, and each of those has a list of its events in an index.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from difflib import get_close_matches
from functools import cache, partial
from itertools import groupby

from sqlalchemy import CompoundSelect, Integer, Select, bindparam, delete, desc, select, union_all

from service.db.columns import UtcDateTime
from service.db.tables import INDEXED_COLUMNS, Transaction, names
from service.model import slug_spellings
from service.routing.match_keys import SEARCH_FILTERS
from service.routing.patterns import compile_pattern, has_wildcards, to_nfc, unescape
from service.store.bulk import BulkInsert
from service.store.rows import Row

MAX_CHARACTERS = 200  # of a name on record: an index of Postgres takes no entry of any length
MAX_FOLDED = 400
MAX_LISTED = 50  # names that a pattern is expanded to: each has a list of its own that is walked
MAX_LOOKED_AT = 20_000  # names that are compared with a glob
MAX_COMPARED = 2_000
MAX_SPELLINGS = 4  # of one project, of which one is suggested
FRESH_FOR = timedelta(days=1)
LAST = "\U0010ffff"
PIECE = re.compile(r"\\([*?\[\]!\\])|\[!?\]?[^\]]*\]|([^*?])|.", re.DOTALL)  # escaped, a set, itself, a wildcard


def full_name(row: Row) -> str | None:
    """Return ``acme/web``, as messages and pages call a project.

    A name with a slash in it has its organization already.
    """
    org, name = row["org"], row["project_name"]
    return name if name and "/" in name else f"{org}/{name}" if org and name else None


def cut_for_index(name: str | None, limit: int = MAX_CHARACTERS) -> str | None:
    """Return the beginning of a name, of at most ``limit`` characters.

    An entry of a Postgres index holds 2,704 bytes, and a character takes up to four.
    """
    return name[:limit] if name else None


def _projects(row: Row) -> list[str | None]:
    slugs = slug_spellings(row["project_slug"]) if row["project_slug"] else ()
    return [*slugs, row["project_name"], full_name(row)]


def _columns_of(columns: Sequence[str], row: Row) -> list[str | None]:
    return [row[column] for column in columns]


SPELLINGS: Mapping[str, Callable[[Row], Sequence[str | None]]] = {
    **{name: partial(_columns_of, one.columns) for name, one in SEARCH_FILTERS.items()},
    "project": _projects,
}
"""The spellings of an event's value under each filter."""

ON_RECORD = (
    *("project", "actor", "author"),
    *(name for name, one in SEARCH_FILTERS.items() if {*one.columns} <= {*INDEXED_COLUMNS}),
)
"""The filters whose names are on record: those for whose names an index or the words have a list of events.

A filter without such a list reads the events in order of time, and finds older ones than its own entry too.
"""


def fold(text: str) -> str:
    """Return a text folded: without differences of case and of Unicode spelling."""
    return to_nfc(to_nfc(text).casefold())


def names_of(rows: Iterable[Row]) -> dict[tuple[str, str, str], datetime]:
    """Return all that events are found by, in order, each with its last time.

    A name is field, folded name and name. Most events have the names of others, and to fold one takes long.
    """
    seen: dict[tuple[str, str], datetime] = {}
    for row in rows:
        for spelling in _spellings_of(row):
            seen[spelling] = max(row["received_at"], seen.get(spelling, row["received_at"]))
    found = sorted((field, fold(name), name) for field, name in seen)
    return {one: seen[one[0], one[2]] for one in found if len(one[1]) <= MAX_FOLDED}


def _spellings_of(row: Row) -> Iterable[tuple[str, str]]:
    return (
        (field, name) for field in ON_RECORD for name in SPELLINGS[field](row) if name and len(name) <= MAX_CHARACTERS
    )


def put(transaction: Transaction, rows: Iterable[Row]) -> None:
    """Insert the names of events, and update the time of those not seen lately."""
    if seen := names_of(rows):
        # in the order of the key: two workers that put the same names must not wait for each other crosswise
        named = [{**dict(zip(_KEY, key, strict=True)), "seen_at": at} for key, at in seen.items()]
        _UPSERT(transaction, named, stale=max(seen.values()) - FRESH_FOR)


_OF_FIELD = select(names.c.name).where(names.c.field == bindparam("wanted"))
_SAME = _OF_FIELD.where(names.c.folded == bindparam("spelled")).limit(MAX_LISTED)
_LATEST = _OF_FIELD.order_by(names.c.seen_at.desc()).limit(bindparam("at_most", type_=Integer))
_KEY = ("field", "folded", "name")
_UPSERT = BulkInsert(
    names,
    f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET seen_at = excluded.seen_at WHERE names.seen_at < :stale",
    parameters={"stale": UtcDateTime()},
    # nearly all events have the names of others: locked, these would let one decision or fetch go on at a time
    unless="EXISTS (SELECT FROM names AS known WHERE (known.field, known.folded, known.name) = "
    "(new.field, new.folded, new.name) AND known.seen_at >= :stale)",
)


def forget(transaction: Transaction, *, before: datetime) -> None:
    """Delete names without an event since a time.

    Events are still found by the exact spelling.
    """
    for field in ON_RECORD:
        transaction.execute(delete(names).where(names.c.field == field, names.c.seen_at < before - FRESH_FOR))


def find_same(transaction: Transaction, field: str, text: str) -> list[str]:
    """Return the names that differ from a text only in case or Unicode spelling."""
    return list(transaction.execute(_SAME, {"wanted": field, "spelled": fold(text)}).scalars())


def find_ending(transaction: Transaction, field: str, text: str) -> list[str]:
    """Return the names that end with a text, in any case; at most MAX_LISTED."""
    folded = fold(text)
    ending = _OF_FIELD.where(names.c.folded.endswith(folded, autoescape=True)).limit(MAX_LISTED)
    return list(transaction.execute(ending, {"wanted": field}).scalars())


def expand(transaction: Transaction, field: str, pattern: str) -> list[str] | None:
    """Return the names that a pattern matches; None if more than MAX_LISTED.

    Also None if there are too many names to try.

    The text without its escapes is always among those of a pattern without wildcards, on record or not.
    """
    if not has_wildcards(pattern):
        text = unescape(pattern)
        return list(dict.fromkeys([text, *find_same(transaction, field, text)]))
    folded_pattern, found = fold(pattern), []
    is_fitting, some = compile_pattern(folded_pattern), _beginning(field, prefix(folded_pattern))
    looked_at = some.limit(MAX_LOOKED_AT).subquery()
    is_like = looked_at.c.folded.like(like(folded_pattern), escape="\\")
    alike = select(looked_at.c.folded, looked_at.c.name).where(is_like)
    for folded, name in transaction.execute(alike):
        if is_fitting(folded):
            found.append(name)
        if len(found) > MAX_LISTED:
            return None
    has_more = transaction.execute(some.offset(MAX_LOOKED_AT).limit(1)).first() is not None
    return None if has_more else found


def is_known(transaction: Transaction, field: str, pattern: str) -> bool:
    """Tell whether a pattern matches a stored name, or cannot be tried on all of them."""
    if has_wildcards(pattern):
        return expand(transaction, field, pattern) != []
    return bool(find_same(transaction, field, unescape(pattern)))


def _beginning(field: str, begin: str) -> Select[str, str]:
    """Select the names with a prefix, in index order; without one, the newest first."""
    some = select(names.c.folded, names.c.name).where(names.c.field == field)
    if not begin:
        return some.order_by(names.c.seen_at.desc())
    return some.where(names.c.folded >= begin, names.c.folded < begin + LAST).order_by(names.c.folded, names.c.name)


def prefix(pattern: str) -> str:
    """Return the text with which all that a pattern fits begins."""
    ends = [place for sign in "*?[\\" if (place := pattern.find(sign)) >= 0]
    return pattern[: min(ends, default=len(pattern))]


def like(pattern: str) -> str:
    """Return a LIKE pattern that matches at least what a glob matches, in any case.

    What LIKE cannot say, or says otherwise on each database, becomes ``%``: who asks looks closer at what is found.
    """
    pieces = (piece[1] or piece[2] or "" for piece in PIECE.finditer(pattern))
    spelled = (_escaped(piece) if piece and piece.isascii() else "%" for piece in pieces)
    return "".join("%" if piece == "%" else "".join(same) for piece, same in groupby(spelled))


def _escaped(letter: str) -> str:
    return f"\\{letter}" if letter in "%_\\" else letter


def latest(transaction: Transaction, field: str, *, limit: int) -> list[str]:
    """Return the names of a field that were seen last."""
    return list(transaction.execute(_LATEST, {"wanted": field, "at_most": limit}).scalars())


def latest_of(transaction: Transaction, fields: Sequence[str], *, limit: int) -> dict[str, list[str]]:
    """Return the names of each field that were seen last, in one statement."""
    found: dict[str, list[str]] = {field: [] for field in fields}
    for field, name, _ in transaction.execute(_latest_of(tuple(fields)), {"at_most": limit}):
        found[field].append(name)
    return found


@cache  # to build a statement takes longer than to run it
def _latest_of(fields: tuple[str, ...]) -> CompoundSelect[str, str, datetime]:
    """Select the newest names of each field.

    Each has a part of its own, which reads no further than the limit.
    """
    columns = (names.c.field, names.c.name, names.c.seen_at)
    newest = bindparam("at_most", type_=Integer)
    parts = (
        select(*columns).where(names.c.field == field).order_by(names.c.seen_at.desc()).limit(newest).subquery()
        for field in fields
    )
    return union_all(*(select(part.c.field, part.c.name, part.c.seen_at) for part in parts)).order_by(desc("seen_at"))


def find_similar(transaction: Transaction, field: str, text: str, *, limit: int = 3) -> list[str]:
    """Return names like a text: those that contain it, then those spelled like it.

    Of the spellings of a project, such as ``acme/web`` and ``gh/acme/web``, the first.
    """
    wanted = fold(text).strip("*? ")
    if not wanted:
        return []
    known = {fold(name): name for name in reversed(latest(transaction, field, limit=MAX_COMPARED))}
    most = MAX_SPELLINGS * limit if field == "project" else limit
    holding = [folded for folded in known if wanted in folded]
    alike = get_close_matches(wanted, known, n=most) if len(holding) < most else []  # it is slow
    near = [known[folded] for folded in dict.fromkeys([*sorted(holding, key=len)[:most], *alike])]
    return (list(_one_spelling(near)) if field == "project" else near)[:limit]


def _one_spelling(projects: Iterable[str]) -> Iterator[str]:
    """Yield the names of projects, each project in one spelling."""
    kept: set[str] = set()
    for name in projects:
        parts = slug_spellings(name)[0].split("/")
        ends = {"/".join(parts[nth:]) for nth in range(len(parts))}
        if kept.isdisjoint(ends) and not any(one.endswith(f"/{name}") for one in kept):
            kept.add(slug_spellings(name)[0])
            yield name
