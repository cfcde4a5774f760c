"""Hints for an empty result: filters that match no known name, and similar names."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.db.tables import Transaction
from service.store import names
from service.store.filters import Search, escaped, read_patterns


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


def suggest(transaction: Transaction, *, limit: int = 50) -> dict[str, list[str]]:
    """Return the latest names for each filter, escaped for the filter."""
    return {
        field: [escaped(name) for name in names.latest(transaction, field, limit=limit)] for field in names.ON_RECORD
    }
