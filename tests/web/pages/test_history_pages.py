"""Whatever combination is asked for, its pages together hold what fits, all of it and nothing else, newest first."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

import pytest

from service.db.database import Store
from service.operations.queries import to_search
from service.store.events import event_search
from service.store.events.filters import Search
from tests.bench.past import NOW, Past
from tests.support.filled_database import Filled, a_past_of
from tests.support.long_cases import few_and_long

pytestmark = pytest.mark.databases("postgres", "sqlite")
SIZE = 900
ROWS = list(reversed(list(Past(SIZE).rows())))
SHORT_STRIDES = (3, 20, 60)
COLUMNS = {"branch": "branch", "workflow": "workflow_name", "job": "job_name", "status": "status", "event": "kind"}
ONE = next(row for row in ROWS[SIZE // 2 :] if row["branch"])


filled = a_past_of(SIZE)


@pytest.fixture
async def store(filled: Filled, kind_of_database: str) -> AsyncIterator[Store]:
    store = Store(filled(kind_of_database))
    yield store
    await store.close()


def fits(row: Mapping[str, Any], asked: Mapping[str, Any]) -> bool:
    """What a search means, said in another way than by indexes; of several values, any will do."""
    several = next((name for name, value in asked.items() if isinstance(value, list)), None)
    if several:
        return any(fits(row, {**asked, several: value}) for value in asked[several])
    exact = all(row[column] == asked[name] for name, column in COLUMNS.items() if name in asked)
    text = " ".join(str(row[name]) for name in ("project_name", "branch", "commit_subject", "commit_author_name"))
    words = text.lower().replace("/", " ").replace("-", " ").split()
    return (
        exact
        and asked.get("project", row["project_name"]) in {row["project_name"], "gh" + row["project_slug"][6:]}
        and asked.get("actor", row["actor_login"]) in {row["actor_login"], row["actor_name"]}
        and asked.get("author", row["commit_author_name"]) == row["commit_author_name"]
        and asked.get("since", "") <= row["happened_at"].isoformat()
        and asked.get("until", "9") > row["happened_at"].isoformat()
        and all(word in words for word in asked.get("q", "").split())
    )


async def every_page(store: Store, asked: Mapping[str, Any], *, limit: int = 20) -> list[event_search.Page]:
    pages: list[event_search.Page] = []
    while not pages or pages[-1].next:
        cursor = pages[-1].next if pages else None
        wanted = to_search(asked, NOW)
        page = await store.read(event_search.search, wanted, limit=limit, cursor=cursor, scan_limits=SHORT_STRIDES)
        pages.append(page)
    return pages


@pytest.mark.long
@pytest.mark.parametrize(
    "asked",
    few_and_long(
        [
            {},
            {"branch": "main"},
            {"event": "workflow-completed"},
            {"event": "ping"},
            {"project": "service-0", "status": "failed"},
            {"project": "gh/acme/service-0", "workflow": "lint", "event": "job-completed"},
            {"branch": "main", "actor": "renovate[bot]"},
            {"actor": "Renovate", "job": "unit-web"},
            {"status": ["failed", "canceled"]},
            {"branch": ["main", str(ONE["branch"])], "status": ["failed", "success"]},
            {"project": ["service-0", "gh/acme/service-0", "service-1"], "actor": ["renovate[bot]", "Renovate"]},
            {"workflow": ["lint", "release"], "event": ["job-completed", "workflow-completed"], "q": "voucher"},
            {"author": str(ONE["commit_author_name"])},
            {"author": [str(ONE["commit_author_name"]), "Renovate"], "branch": "main"},
            {"q": "voucher"},
            {"q": "voucher", "status": "success"},
            {"q": "renovate main"},
            {"q": "fix update"},
            {"q": "service 0 voucher", "branch": "main"},
            {"since": "2026-06-01"},
            {"until": "2026-06-01", "job": "lint-api"},
            {"since": "2026-02-01", "until": "2026-06-01", "status": "failed", "q": "login"},
            {"branch": str(ONE["branch"])},
            {"q": str(ONE["commit_subject"])},
        ]
    ),
    ids=str,
)
async def test_the_pages_together_hold_all_that_fits_newest_first(store: Store, asked: dict[str, Any]) -> None:
    pages = await every_page(store, asked)

    found = [event.id for page in pages for event in page.items]
    assert found == [row["id"] for row in ROWS if fits(row, asked)]


async def test_what_never_goes_together_is_known_at_once(store: Store) -> None:
    wanted = to_search({"branch": "main", "actor": "renovate[bot]"}, NOW)

    page = await store.snapshot(event_search.search, wanted, limit=7)

    assert (page.items, page.next, page.looked_back_to) == ([], None, None)


@pytest.mark.long
async def test_what_no_index_knows_is_looked_for_a_stretch_at_a_time(store: Store) -> None:
    pages = await every_page(store, {"trigger": "schedule", "branch": "main"})

    reached = [page.looked_back_to for page in pages[:-1]]
    assert len(pages) > 1
    assert [page.items for page in pages] == [[]] * len(pages)
    assert None not in reached
    assert reached == sorted(reached, reverse=True)  # type: ignore[type-var]  # reason: None was ruled out above
    assert pages[-1].looked_back_to is None


@pytest.mark.long
async def test_a_full_page_does_not_speak_of_how_far_it_looked(store: Store) -> None:
    pages = await every_page(store, {"branch": "main"})

    assert [page.looked_back_to for page in pages] == [None] * len(pages)


async def test_a_revision_is_found_by_its_first_seven_digits_or_all_of_them(store: Store) -> None:
    whole = str(ONE["revision"])

    found = [await ids(store, text) for text in (whole, whole[:7], whole[:7].upper(), whole[:6], whole[:12])]

    same = [row["id"] for row in ROWS if row["revision"] == whole]
    assert found == [same, same, same, [], []]


@pytest.mark.long
async def test_what_stands_for_people_and_projects_is_no_word(store: Store) -> None:
    assert await ids(store, "@renovate[bot]") == await ids(store, "renovate bot")
    assert await ids(store, "#service-0") == await ids(store, "service 0")


async def ids(store: Store, text: str) -> list[UUID]:
    page = await store.read(event_search.search, Search(q=text, until=NOW), limit=SIZE)
    return [event.id for event in page.items]
