"""Slugs and names of projects, found in indexes of tracks alone."""

import json
from collections.abc import Collection

from sqlalchemy import text

from service.db.tables import Transaction

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


def slugs_of(transaction: Transaction, names: Collection[str]) -> set[tuple[str | None, str]]:
    """Return each slug of those of these names that have tracks, with the name."""
    found = transaction.execute(_BY_NAME[transaction.dialect.name], _given(transaction, names))
    return {(slug, name) for name, slug in found}


def _given(transaction: Transaction, values: Collection[str]) -> dict[str, object]:
    unique = list(dict.fromkeys(values))
    return {"given": json.dumps(unique) if transaction.dialect.name == "sqlite" else unique}
