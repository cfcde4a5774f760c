"""Hints for an empty result: filters that match no known name, and similar names."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.db.tables import Transaction
from service.model import EventKind, Transition
from service.operations.checks.suggestions import with_listed_branches
from service.operations.search_text import write
from service.routing.match_keys import SEARCH_FILTERS
from service.store.events.filters import Search, escaped, read_patterns
from service.store.search import names

FIXED = {
    "status": SEARCH_FILTERS["status"].values,
    "transition": (Transition.BROKE, Transition.FIXED, Transition.STILL_BROKEN),
    "since": ("24h", "7d", "30d", "today", "yesterday"),
    "told": ("none", "any"),
    "event": (EventKind.JOB_COMPLETED, "any"),
}


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A filter that no event matches, with similar names, escaped for the filter."""

    filter: str
    text: str
    near: Sequence[str]


def find_hints(transaction: Transaction, search: Search) -> list[Hint]:
    """Return a hint for each pattern of a search that matches no name on record."""
    hints = []
    for field in names.ON_RECORD:
        patterns = read_patterns(transaction, field, search.names.get(field, ()))
        for pattern in patterns.wanted:
            if not names.is_known(transaction, field, pattern):
                near = [escaped(name) for name in names.find_similar(transaction, field, pattern)]
                hints.append(Hint(filter=field, text=pattern, near=near))
    return hints


def suggest(transaction: Transaction, *, limit: int = 15) -> list[str]:
    """Return parts of a search to choose from: fixed values, and the latest names."""
    found = names.latest_of(transaction, ("project", "branch", "workflow", "author"), limit=limit)
    found["branch"] = with_listed_branches(transaction, found["branch"], limit=limit)
    authors = found.pop("author")
    latest = {filter_name: [escaped(name) for name in some] for filter_name, some in found.items()}
    latest["by"] = [name for name in authors if "@" not in name]
    return [write({name: [value]}, [name]) for name, some in {**FIXED, **latest}.items() for value in some]
