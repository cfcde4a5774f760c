"""Finding events again: by any fact, newest first, a page at a time, whatever comes in meanwhile."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest

from service.db.database import Store
from service.errors import BadRequest
from service.model import Actor, Commit, Event, EventKind, Job, Project, Workflow
from service.store.events import event_search, events
from service.store.events.filters import Search

NINE = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RED = Event(
    id=UUID(int=1),
    kind=EventKind.WORKFLOW_COMPLETED,
    source_event_id="1",
    happened_at=NINE,
    received_at=NINE,
    org="acme",
    project=Project(id="p", slug="github/acme/web", name="web"),
    workflow=Workflow(id="w", name="build", status="failed"),
    status="failed",
    branch="main",
    commit=Commit(subject="Überweisung: 100% _done_", author_name="Ada Example", author_email="ada@example.com"),
    actor=Actor(login="ada", name="Ada Example"),
)
JOB = replace(
    RED,
    id=UUID(int=2),
    kind=EventKind.JOB_COMPLETED,
    happened_at=NINE + timedelta(minutes=1),
    job=Job(name="deploy"),
    status="success",
    branch=None,
    tag="v1",
)
SHOP = replace(
    RED,
    id=UUID(int=3),
    happened_at=NINE + timedelta(minutes=2),
    project=Project(slug="circleci/abc/def", name="shop"),
    workflow=Workflow(name="release", status="error"),
    status="error",
    commit=Commit(subject="Say 100 things"),
    actor=Actor(login="grace"),
    org="Shop & Söhne",
    trigger="schedule",
)


@pytest.fixture
async def store(folder: Path) -> AsyncIterator[Store]:
    """A store that holds the three."""
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    await put(store, RED, JOB, SHOP)
    yield store
    await store.close()


async def put(store: Store, *some: Event) -> None:
    for event in some:
        await store.write(events.put, event)


async def page(store: Store, wanted: Search, *, limit: int = 10, cursor: str | None = None) -> event_search.Page:
    return await store.read(event_search.search, wanted, limit=limit, cursor=cursor)


SEARCHES: list[tuple[Search, list[Event]]] = [
    (Search(), [SHOP, JOB, RED]),
    (Search(names={"project": ["gh/acme/web"]}), [JOB, RED]),
    (Search(names={"project": ["github/acme/web"]}), [JOB, RED]),
    (Search(names={"project": ["shop"]}), [SHOP]),
    (Search(names={"branch": ["main"]}), [SHOP, RED]),
    (Search(names={"tag": ["v1"]}), [JOB]),
    (Search(names={"workflow": ["release"]}), [SHOP]),
    (Search(names={"job": ["deploy"]}), [JOB]),
    (Search(names={"status": ["failed"]}), [RED]),
    (Search(event=[EventKind.JOB_COMPLETED]), [JOB]),
    (Search(names={"actor": ["ada"]}), [JOB, RED]),
    (Search(names={"actor": ["Ada Example"]}), [JOB, RED]),
    (Search(names={"org": ["acme"]}), [JOB, RED]),
    (Search(names={"org": ["SHOP & SÖHNE"]}), [SHOP]),
    (Search(names={"org": ["!acme"]}), [SHOP]),
    (Search(names={"trigger": ["schedule"]}), [SHOP]),
    (Search(names={"trigger": ["Sched*,webhook"]}), [SHOP]),
    (Search(names={"trigger": ["!schedule"]}), [JOB, RED]),
    (Search(names={"trigger": ["nothing"]}), []),
    (Search(names={"org": ["acme"], "trigger": ["!schedule"], "status": ["failed"]}), [RED]),
    (Search(since=NINE + timedelta(minutes=1)), [SHOP, JOB]),
    (Search(until=NINE + timedelta(minutes=1)), [RED]),
    (Search(since=(NINE + timedelta(minutes=2)).astimezone(timezone(timedelta(hours=5)))), [SHOP]),
    (Search(q="überweisung"), [JOB, RED]),
    (Search(q="ÜBERWEISUNG ada"), [JOB, RED]),
    (Search(q="100%"), [SHOP, JOB, RED]),
    (Search(q="_done"), [JOB, RED]),
    (Search(q="1_0"), []),
    (Search(q="10"), []),
    (Search(q="?!"), []),
    (Search(q="  "), [SHOP, JOB, RED]),
    (Search(names={"branch": ["main"], "status": ["error"]}, q="things"), [SHOP]),
    (Search(names={"branch": ["Main"]}), [SHOP, RED]),
    (Search(names={"status": ["failed", "error"]}), [SHOP, RED]),
    (Search(names={"author": ["Ada Example"]}), [JOB, RED]),
    (Search(names={"author": ["Ada"]}), []),
    (Search(names={"author": ["ada@example.com"]}), [JOB, RED]),
    (Search(names={"author": ["ada@example.com", "Nobody At All"], "status": ["failed"]}), [RED]),
    (Search(names={"author": ["?!"]}), []),
    (Search(names={"status": ["failed", "error", "failed"], "branch": ["main", "nowhere"]}), [SHOP, RED]),
    (Search(names={"project": ["gh/acme/web", "web", "shop"]}), [SHOP, JOB, RED]),
    (Search(names={"actor": ["ada", "Ada Example", "grace"], "status": ["success", "error"]}), [SHOP, JOB]),
    (Search(event=[EventKind.JOB_COMPLETED, EventKind.PING], q="ada"), [JOB]),
    (Search(names={"job": ["deploy", "lint"], "tag": ["v1", "v2"], "workflow": ["build", "release"]}), [JOB]),
]


async def test_search_finds_matching_events_newest_first(store: Store) -> None:
    found = [(wanted, (await page(store, wanted)).items) for wanted, _ in SEARCHES]

    assert found == SEARCHES


async def test_pages_follow_each_other_without_gap_or_repeat_also_among_equal_times(store: Store) -> None:
    twins = [replace(RED, id=UUID(int=number)) for number in range(10, 15)]
    await put(store, *twins)

    seen: list[UUID] = []
    cursor = None
    while True:
        here = await page(store, Search(), limit=3, cursor=cursor)
        seen += [event.id for event in here.items]
        cursor = here.next
        if cursor is None:
            break

    assert seen == [SHOP.id, JOB.id, *(UUID(int=number) for number in (14, 13, 12, 11, 10, 1))]


async def test_new_events_shift_no_page(store: Store) -> None:
    first = await page(store, Search(), limit=1)
    await put(store, replace(SHOP, id=UUID(int=9), happened_at=NINE + timedelta(hours=1)))

    second = await page(store, Search(), limit=1, cursor=first.next)

    assert second.items == [JOB]


async def test_a_last_page_that_is_full_leads_nowhere(store: Store) -> None:
    assert (await page(store, Search(), limit=3)).next is None


@pytest.mark.parametrize("cursor", ["x", "ä", "AAAA", "bm90aGluZ3w", "MjAyNi0wMy0wMlQwOTozMDowMHxub3RoaW5n"])
async def test_a_cursor_that_is_not_ours_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(BadRequest, match="cursor"):
        await page(store, Search(), cursor=cursor)
