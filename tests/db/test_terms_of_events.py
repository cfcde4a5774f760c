"""The upgrade to one index of terms: a search finds what it found before, and each event keeps its place."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from alembic import command
from sqlalchemy import text

from service.db.database import Store, make_engine
from service.db.migrate import alembic_config, migrate
from service.model import Commit, Pipeline, Workflow
from service.operations.queries import to_search
from service.store.deliveries import deliveries
from service.store.events import event_search, events
from tests.bench.past import NOW
from tests.support.databases import Database
from tests.support.example_events import FAILED
from tests.support.filled_database import Filled, a_past_of
from tests.support.neighbor_rows import a_delivery

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


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
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


@pytest.mark.long
async def test_what_is_stored_short_is_whole_for_the_release_before(database: Database) -> None:
    """Its code knows no usual values."""
    workflow = "https://app.circleci.com/pipelines/github/acme/web/1487/workflows/a-workflow"
    event = replace(
        FAILED, pipeline=Pipeline(number=1487), workflow=Workflow(id="a-workflow", url=workflow), revision="5ca1e"
    )
    store, headers = Store(database.url), (("user-agent", "CircleCI-Webhook/1.0"), ("circleci-signature", "v1=aa"))
    await store.write(events.put, replace(event, commit=Commit(url="https://github.com/acme/web/commit/5ca1e")))
    await store.write(deliveries.keep_many, [replace(a_delivery(), headers=headers)])
    await store.close()

    command.downgrade(alembic_config(database.url), "0016")

    urls = rows(database.url, "SELECT workflow_url, commit_url FROM events")
    assert [tuple(row) for row in urls] == [(workflow, "https://github.com/acme/web/commit/5ca1e")]
    [(stored,)] = rows(database.url, "SELECT headers FROM deliveries")
    assert (json.loads(stored) if isinstance(stored, str) else stored) == [list(pair) for pair in headers]
