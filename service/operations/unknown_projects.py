"""Sentences on projects that have no runs, with names like theirs."""

from collections.abc import Sequence

from service.db.tables import Transaction
from service.store.runs import track_search
from service.store.search import names

PATTERN = frozenset("*?[],!")


def unknown_projects(transaction: Transaction, written: Sequence[str]) -> list[str]:
    """Return a sentence for each project without runs; patterns are left out."""
    plain = (one for one in written if one and PATTERN.isdisjoint(one))
    return [
        describe_unknown("project", one, names.find_similar(transaction, "project", one))
        for one in plain
        if not track_search.find_projects(transaction, one)
    ]


def describe_unknown(noun: str, written: str, near: Sequence[str]) -> str:
    """Return the sentence on a name that has no runs, with names like it.

    The name itself is none of them, though it is on record where the project was renamed.
    """
    others = [name for name in near if name != written]
    hint = f"; did you mean {' or '.join(others)}?" if others else ""
    return f"no run of {noun} {written!a} is on record{hint}"
