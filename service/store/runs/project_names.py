"""Slugs and names of projects, found in indexes of tracks alone."""

import json
from collections.abc import Collection, Mapping

from sqlalchemy import text

from service.db.tables import Transaction
from service.model import slug_spellings
from service.model.same_names import mark_of, tell_apart

_GIVEN = {
    "sqlite": "SELECT value FROM json_each(:given)",
    "postgresql": "SELECT unnest(CAST(:given AS text[]))",
}
# from one value in the index to the next: a project may have tens of thousands of tracks, and has one name
_PAIRS = """
WITH RECURSIVE given (own) AS ({given}), found (own, other) AS (
    SELECT own, (SELECT min({other}) FROM tracks WHERE {column} = own) FROM given
    UNION ALL
    SELECT own, (SELECT min({other}) FROM tracks WHERE {column} = own AND {other} > found.other)
    FROM found WHERE found.other IS NOT NULL
)
SELECT own, other FROM found WHERE other IS NOT NULL
UNION ALL SELECT own, NULL FROM given WHERE EXISTS (SELECT 1 FROM tracks WHERE {column} = own AND {other} IS NULL)
"""


def _statements(column: str, other: str) -> dict[str, str]:
    return {kind: _PAIRS.format(given=given, column=column, other=other) for kind, given in _GIVEN.items()}


_BY_SLUG = {kind: text(sql) for kind, sql in _statements("project_slug", "project_name").items()}
_BY_NAME = {kind: text(sql) for kind, sql in _statements("project_name", "project_slug").items()}


def names_of(transaction: Transaction, slugs: Collection[str]) -> set[tuple[str, str | None]]:
    """Return those of these slugs that have tracks, each with each of its names."""
    found = transaction.execute(_BY_SLUG[transaction.dialect.name], _given(transaction, slugs))
    return {(slug, name) for slug, name in found}


def name_by_slug(transaction: Transaction, slugs: Collection[str]) -> Mapping[str, str]:
    """Return the names of those of these projects that have tracks.

    They are by short slugs. A name that several of them have is followed by what tells them apart.
    """
    spellings = {spelling for slug in slugs for spelling in slug_spellings(slug)}
    found = sorted((slug, name) for slug, name in names_of(transaction, spellings) if name)
    marks = tell_apart((name, slug) for slug, name in found)
    return {slug_spellings(slug)[0]: f"{name}{mark_of(marks, slug)}" for slug, name in found}


def slugs_of(transaction: Transaction, names: Collection[str]) -> set[tuple[str | None, str]]:
    """Return each slug of those of these names that have tracks, with the name."""
    found = transaction.execute(_BY_NAME[transaction.dialect.name], _given(transaction, names))
    return {(slug, name) for name, slug in found}


def _given(transaction: Transaction, values: Collection[str]) -> dict[str, object]:
    unique = list(dict.fromkeys(values))
    return {"given": json.dumps(unique) if transaction.dialect.name == "sqlite" else unique}
