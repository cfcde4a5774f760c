"""Whatever people ask of the history, the database goes to it by an index: no question reads a whole table."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from itertools import combinations, pairwise
from typing import Any

import pytest
from sqlalchemy import event

from service.db.database import Store
from service.db.tables import Transaction
from service.model import FetchPurpose, NotificationState
from service.operations.queries import MAX_VALUES, SEARCHABLE, to_search
from service.queue import lane_heads
from service.routing.news import news_key
from service.store.audit import seals
from service.store.deliveries import deliveries
from service.store.events import decisions, event_search, events, fetches, routes_versions
from service.store.events.filters import Search
from service.store.notifications import notifications
from service.store.notifications.notification_search import NotificationSearch
from service.store.notifications.notification_search import find_page as find_notifications
from service.store.upkeep import retention
from tests.bench.past import NOW
from tests.support.filled_database import Filled, a_past_of

pytestmark = pytest.mark.databases("sqlite", "postgres")
FEW = 2  # of so many rows at once, Postgres 15 finds each by an index also in tables as short as these
ENOUGH = 10_000  # events: with fewer, reading everything may well be the best plan
BIG = ("events", "deliveries", "notifications", "attempts", "decisions", "details")
UNLISTED = {"told", "org", "trigger", "transition"}  # no index has a list of events for these
ASKED = {
    "org": "acme",
    "trigger": "schedule",
    "project": "gh/acme/service-0",
    "branch": "main",
    "tag": "v25",
    "workflow": "release",
    "job": "unit-web",
    "status": "failed",
    "event": "workflow-completed",
    "actor": "renovate[bot]",
    "author": "Ada Example",
    "by": "ada",
    "transition": "broke",
    "told": "none",
    "since": "2026-01-15",
    "until": "2026-11-01",
    "q": "voucher topic7",
}

ANY_OF = {
    "project": ["gh/acme/service-0", "service-1", "nowhere"],
    "branch": ["main", "feature/topic-7"],
    "tag": ["v25", "v26"],
    "workflow": ["release", "build-and-test"],
    "job": ["unit-web", "lint"],
    "status": ["failed", "error", "canceled"],
    "event": ["workflow-completed", "job-completed"],
    "actor": ["renovate[bot]", "ada"],
    "author": ["Ada Example", "Grace Example"],
}

Statement = tuple[str, Any]
Asked = Mapping[str, str | list[str]]

ONLY_WHAT_WAITS = {"ix_notifications_lane_created", "ix_notifications_lane_due"}

filled = a_past_of(ENOUGH)


@pytest.fixture
async def store(filled: Filled, kind_of_database: str) -> AsyncIterator[Store]:
    store = Store(filled(kind_of_database))
    yield store
    await store.close()


@contextmanager
def listening(transaction: Transaction) -> Iterator[list[Statement]]:
    """Every statement of the block, as the driver gets it."""
    said: list[Statement] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *rest: Any) -> None:
        said.append((statement, values[0] if rest[1] else values))  # one of many is like the others

    event.listen(transaction, "before_cursor_execute", note)
    yield said
    event.remove(transaction, "before_cursor_execute", note)


def whole_reads(transaction: Transaction, statement: str, values: Any) -> list[str]:
    """The lines of the database's plan that read a big table, or an index of one, from end to end."""
    if transaction.dialect.name == "sqlite":
        plan = transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        lines = [str(row.detail) for row in plan]
        return [line for line in lines if line.startswith("SCAN") and line.split()[1] in BIG]
    plan = transaction.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    return [
        f"{node['Node Type']} {node.get('Index Name')} {node['Relation Name']}"
        for node in _nodes(plan[0]["Plan"])
        if _is_whole(node)
    ]


def _is_whole(node: Any) -> bool:
    """A scan of a big table that no condition leads into; a bitmap's reads what its index found, and no more."""
    is_scan = node["Node Type"] in {"Seq Scan", "Index Scan", "Index Only Scan"} and node["Relation Name"] in BIG
    is_small = node.get("Index Name") in ONLY_WHAT_WAITS and node["Node Type"] == "Index Only Scan"
    return is_scan and "Index Cond" not in node and not is_small


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for below in node.get("Plans", []):
        yield from _nodes(below)


def asking(transaction: Transaction, ask: Callable[[Transaction], object]) -> list[str]:
    """What is read as a whole when somebody asks."""
    with listening(transaction) as said:
        ask(transaction)
    return [f"{line}: {sql}" for sql, values in said for line in whole_reads(transaction, sql, values)]


def test_every_documented_filter_is_asked_about() -> None:
    assert set(ASKED) == set(SEARCHABLE)


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_no_filter_and_no_pair_of_filters_reads_a_whole_table(store: Store) -> None:
    asked: list[Asked] = [{name: ASKED[name]} for name in ASKED if name not in UNLISTED]
    asked += [{name: ASKED[name] for name in pair} for pair in combinations(ASKED, 2) if not {*pair} <= UNLISTED]

    assert await whole_reads_of(store, asked) == {}


@pytest.mark.long
async def test_neither_does_any_of_several_values(store: Store) -> None:
    asked: list[Asked] = [{name: ANY_OF[name]} for name in ANY_OF]
    asked += [{first: ANY_OF[first], second: ANY_OF[second]} for first, second in pairwise(ANY_OF)]
    asked += [{"branch": [f"branch-{number}" for number in range(MAX_VALUES)], "q": ASKED["q"]}]

    assert await whole_reads_of(store, asked) == {}


@pytest.mark.long
async def test_neither_does_a_glob_a_list_or_what_is_left_out(store: Store) -> None:
    patterns = {
        "project": ["gh/*/service-1*", "SERVICE-0,service-2"],
        "branch": ["feature/*", "MAIN", "!main", "renovate/topic1-*", "*-1*,!feature/*"],
        "status": ["f*,error"],
        "actor": ["renovate*", "!ada"],
        "author": ["developer1*", "!*example"],
        "job": ["unit-*"],
    }
    asked: list[Asked] = [{name: text} for name, texts in patterns.items() for text in texts]
    asked += [{"branch": branch, "status": "FAILED"} for branch in patterns["branch"]]
    asked += [{"branch": branch, "q": ASKED["q"]} for branch in patterns["branch"]]

    assert {given: lines for given, lines in (await whole_reads_of(store, asked)).items() if not is_walked(lines)} == {}


def is_walked(lines: Iterable[str]) -> bool:
    """Tell whether all that is read is everything, newest first: as far as a page needs, and no farther."""
    return all("ix_events_place" in line for line in lines)


async def whole_reads_of(store: Store, asked: Iterable[Asked]) -> dict[str, list[str]]:
    """Return what is read as a whole, by what was asked for."""
    found: dict[str, list[str]] = {}
    for given in asked:
        wanted = to_search(given, NOW)

        def ask(transaction: Transaction, wanted: Search = wanted) -> None:
            first = event_search.search(transaction, wanted, limit=5)
            event_search.search(transaction, wanted, limit=5, cursor=first.next)

        found[str(given)] = await store.read(asking, ask)

    return {given: lines for given, lines in found.items() if lines}


@pytest.mark.long
async def test_everything_is_walked_newest_first_and_only_as_far_as_the_page_needs(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        event_search.search(transaction, Search(), limit=5)
        event_search.search(transaction, Search(told=["none"]), limit=5)
        event_search.known_actors(transaction, Search())

    assert all("ix_events_place" in line for line in await store.read(asking, ask))


@pytest.mark.long
async def test_neither_does_the_list_of_notifications(store: Store) -> None:
    sent, unsent = [NotificationState.SENT], [NotificationState.DEAD, NotificationState.PENDING]
    searches = [
        NotificationSearch(receiver=["web"]),
        NotificationSearch(receiver=["web", "ops"], since=NOW - timedelta(days=9), until=NOW),
        NotificationSearch(channel=["web (json)", "ops (json)"], state=sent),
        NotificationSearch(receiver=["web"], channel=["web (json)"], since=NOW),
        NotificationSearch(state=unsent, since=NOW - timedelta(days=9)),
        NotificationSearch(project=["gh/acme/service-0", "service-1", "nowhere"], receiver=["web"], state=sent),
        NotificationSearch(project=["acme/service-1"], until=NOW),
    ]

    def ask(transaction: Transaction) -> None:
        for search in searches:
            first = find_notifications(transaction, search, limit=5)
            find_notifications(transaction, search, limit=5, cursor=first.next)

    assert await store.read(asking, ask) == []


@pytest.mark.long
async def test_all_notifications_are_walked_newest_first(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        find_notifications(transaction, NotificationSearch(), limit=5)
        find_notifications(transaction, NotificationSearch(state=[NotificationState.DEAD]), limit=5)

    assert all("created" in line for line in await store.read(asking, ask))


@pytest.mark.long
async def test_neither_do_the_questions_of_the_other_pages_and_of_the_sweep(store: Store) -> None:
    def ask(transaction: Transaction) -> None:
        deliveries.find_dead(transaction, limit=50)
        deliveries.count_unjudged(transaction)
        deliveries.has_due(transaction, NOW)
        deliveries.claim(transaction, now=NOW, limit=100)
        fetches.due_purposes(transaction, NOW)
        fetches.claim(transaction, FetchPurpose.PAGE, now=NOW, lease_until=NOW, limit=16)
        deliveries.any_unsettled(transaction)
        notifications.find_dead(transaction, limit=50)
        notifications.count(transaction, NotificationState.PENDING, NotificationState.SENDING)
        if transaction.dialect.name == "sqlite":  # Postgres reads the few that wait here in any order
            lane_heads.find(transaction, "a-channel", NOW)
        lane_heads.find_headless(transaction)
        page = event_search.search(transaction, Search(until=NOW), limit=5)
        told = notifications.of_topics(transaction, {news_key(event) for event in page.items})
        notifications.of_events(transaction, [event.id for event in page.items])
        notifications.attempts_of(transaction, [one.id for one in told])
        decisions.find(transaction, page.items[0].id)
        decisions.last_round(transaction, page.items[0].id)
        decisions.last_rounds(transaction, [event.id for event in page.items])
        events.find_all(transaction, [event.id for event in page.items])
        events.find_all_details(transaction, [event.id for event in page.items])

    assert await store.read(asking, ask) == []


@pytest.mark.long
async def test_neither_does_settling_a_batch(store: Store) -> None:
    def settle(transaction: Transaction) -> None:
        page = event_search.search(transaction, Search(until=NOW), limit=5)
        deliveries.settle(transaction, [event.id for event in page.items])

    assert await store.write(asking, settle) == []


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_neither_does_forgetting(store: Store) -> None:
    counts: list[int] = []

    def forget(transaction: Transaction) -> None:
        pruned = retention.prune(transaction, before=NOW, beyond=None, limit=FEW, now=NOW)
        again = retention.prune(transaction, before=NOW, beyond=pruned.mark, limit=FEW, now=NOW)
        retention.prune_dismissed(transaction, before=NOW, limit=FEW, now=NOW)
        # few of the oldest events are left
        routes_versions.forget(transaction, before=NOW - timedelta(days=4_000), now=NOW)
        counts.extend([pruned.count, again.count])

    assert await store.write(asking, forget) == []
    assert counts == [FEW, FEW]


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_neither_does_sealing(store: Store) -> None:
    def seal(transaction: Transaction) -> None:
        for _ in range(2):
            batch = seals.read_batch(transaction, now=NOW, limit=FEW)
            assert batch is not None
            seals.append_rows(transaction, batch, NOW)

    assert await store.write(asking, seal) == []
