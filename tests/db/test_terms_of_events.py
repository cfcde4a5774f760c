"""The upgrade to one index of terms: a search finds what it found before, and each event keeps its place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import text

from service.db.database import Store, make_engine
from service.db.migrate import alembic_config, migrate
from service.operations.queries import to_search
from service.store import event_search, events
from tests.bench.past import NOW
from tests.databases import Database
from tests.example_events import FAILED
from tests.filled_database import Filled, a_past_of

pytestmark = pytest.mark.databases("sqlite", "postgres")

SIZE = 2_500  # events: more than the upgrade takes at once
ASKED: Sequence[dict[str, Any]] = (
    *({}, {"branch": "main"}, {"status": ["failed", "error"]}, {"event": "job-completed", "job": "unit-web"}),
    *({"q": "voucher"}, {"q": "renovate fix"}, {"actor": "renovate[bot]"}, {"project": "service-0"}),
    *({"tag": "*"}, {"since": "2026-06-01", "workflow": "lint"}, {"author": "Renovate", "branch": "!main"}),
)
filled = a_past_of(SIZE)


async def answers(url: str) -> list[list[UUID]]:
    """Return the ids that each search finds."""
    store = Store(url)
    try:
        pages = [await store.snapshot(event_search.search, to_search(asked, NOW), limit=200) for asked in ASKED]
    finally:
        await store.close()
    return [[event.id for event in page.items] for page in pages]


def rows(url: str, query: str) -> list[Any]:
    engine = make_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(text(query)).all())
    engine.dispose()
    return found


async def test_upgraded_history_is_found_as_before(filled: Filled, kind_of_database: str) -> None:
    url = filled(kind_of_database)
    before, places = await answers(url), rows(url, "SELECT id, place FROM events ORDER BY id")
    command.downgrade(alembic_config(url), "0016")
    words = rows(url, "SELECT count(*), count(DISTINCT event_id) FROM words")

    migrate(url)

    assert words[0][0] > words[0][1] == SIZE
    assert rows(url, "SELECT id, place FROM events ORDER BY id") == places
    assert await answers(url) == before
    assert all(before)


async def test_events_of_one_moment_each_have_a_place(database: Database) -> None:
    """Also if their ids begin alike, as the place does not tell them apart then."""
    store = Store(database.url)
    alike = [replace(FAILED, id=UUID(int=number)) for number in range(5)]
    await store.write(events.put_all, alike[:3])
    await store.write(events.put_all, alike)

    page = await store.snapshot(event_search.search, to_search({"q": "main"}, NOW), limit=3)
    rest = await store.snapshot(event_search.search, to_search({"q": "main"}, NOW), limit=3, cursor=page.next)
    await store.close()

    assert {event.id for event in [*page.items, *rest.items]} == {event.id for event in alike}
    assert len(page.items) + len(rest.items) == len(alike)
