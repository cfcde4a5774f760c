"""A past of copies is like one that was made event by event: found by the same terms, at other times."""

from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import select

from service.db.database import make_engine
from service.db.tables import events
from service.store.search.places import ID_BITS
from service.store.search.search_terms import numbers_of, spelled, terms_of
from tests.bench.past import fill
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")

MADE, PASTS = 90, 4
JOINED = """
SELECT count(*) FROM events JOIN deliveries ON deliveries.id = events.id
    AND deliveries.source_event_id = events.source_event_id AND deliveries.received_at = events.received_at
JOIN decisions ON decisions.event_id = events.id AND decisions.decided_at = events.received_at
"""


@pytest.fixture
def copied(database: Database) -> Database:
    fill(database.url, MADE * PASTS, made=MADE)
    return database


def rows_of(database: Database) -> list[dict[str, Any]]:
    """Return the events, in their order."""
    engine = make_engine(database.url)
    with closing(engine.connect()) as connection:
        rows = [dict(row) for row in connection.execute(select(events).order_by(events.c.place)).mappings()]
    engine.dispose()
    return rows


def test_copies_differ_in_ids_and_times_alone(copied: Database) -> None:
    rows = rows_of(copied)

    assert len({row["id"] for row in rows}) == len({row["place"] for row in rows}) == MADE * PASTS
    assert len({row["workflow_id"] for row in rows}) == len({row["pipeline_number"] for row in rows}) == 10 * PASTS
    assert [row["happened_at"] for row in rows] == sorted(row["happened_at"] for row in rows)
    assert len({row["happened_at"] for row in rows}) == MADE * PASTS
    assert all(abs((row["place"] >> ID_BITS) - row["happened_at"].timestamp() * 1e6) < 1_000 for row in rows)
    assert [row["commit_subject"] for row in rows[:MADE]] * PASTS == [row["commit_subject"] for row in rows]
    assert copied.rows(JOINED) == [(MADE * PASTS,)]
    assert copied.rows("SELECT count(*) FROM notifications JOIN events ON events.id = event_id") == [(36,)]


def test_copies_have_the_terms_of_their_events(copied: Database) -> None:
    rows = rows_of(copied)

    if copied.url.startswith("sqlite"):
        for row in rows:
            matching = "SELECT rowid FROM event_terms WHERE event_terms MATCH ? AND rowid = ?"
            asked = " AND ".join(f'"{term}"' for term in spelled(terms_of(row)).split())
            assert copied.rows(matching, asked, row["place"]) == [(row["place"],)]
    else:
        for row in rows:
            assert set(row["terms"]) == set(numbers_of(terms_of(row), row["place"]))
