"""Two workers that write the same rows at once, each in another order, do not wait for each other crosswise."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Color, Details, Event, FetchPurpose, Incident, ObservedTest, Pipeline, Run, TestIdentity
from service.store.events import events, fetches
from service.store.incidents import incidents
from service.store.notifications import notifications, told
from service.store.rows import event_row
from service.store.runs import runs, tracks
from service.store.search import names
from service.store.test_history import test_results
from tests.support.databases import Database
from tests.support.example_events import FAILED, NOON
from tests.support.neighbor_rows import a_notification

pytestmark = [pytest.mark.databases("postgres"), pytest.mark.long]

Put = Callable[[Transaction, Sequence[int]], object]
UNBOUND = """
SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname)
FROM pg_constraint WHERE contype = 'f'
"""
SLOWLY = """
CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(coalesce(current_setting('test.pause', true), '0.05')::float); RETURN NEW; END $$
"""
TABLES = (
    *("tracks", "runs", "incidents", "told", "fetches", "events", "details", "names", "notifications", "tests"),
    *("test_results", "test_days"),
)
ORDER = (1, 2, 3, 4)


@pytest.fixture
async def stores(database: Database) -> AsyncIterator[tuple[Store, Store]]:
    """Two workers' stores of a database that inserts a row in a twentieth of a second, and asks for no other rows."""
    for statement in [one for (one,) in database.rows(UNBOUND)]:
        database.change(statement)
    database.change(SLOWLY)
    for table in TABLES:
        database.change(f"CREATE TRIGGER slow BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION be_slow()")
    pair = (Store(database.url), Store(database.url))
    yield pair
    for store in pair:
        await store.close()


def event(number: int) -> Event:
    """An event of a track of its own."""
    of_branch = replace(FAILED, branch=f"branch {number}", pipeline=Pipeline(number=number))
    return replace(of_branch, id=UUID(int=number), happened_at=NOON + timedelta(hours=number))


def a_run(number: int) -> Run:
    key = UUID(int=number)
    return Run(
        id=key, event_id=key, track_id=number, pipeline_number=1, created_at=NOON, stopped_at=NOON, color=Color.RED
    )


def an_incident(number: int) -> Incident:
    key = UUID(int=number)
    return Incident(id=key, track_id=number, opened_at=NOON, opened_by=key, last_red=key, streak=1)


def observed(number: int) -> ObservedTest:
    return ObservedTest(test=TestIdentity(job="unit", suite="suite", name=f"test {number}"), failed=True)


PUTS: dict[str, Put] = {
    "details": lambda each, order: events.put_details(each, {UUID(int=one): Details(asked_at=NOON) for one in order}),
    "events": lambda each, order: events.put_all(each, [event(one) for one in order]),
    "fetches": lambda each, order: fetches.request(
        each, [UUID(int=one) for one in order], FetchPurpose.MESSAGE, due_at=NOON
    ),
    "incidents": lambda each, order: incidents.put(each, [an_incident(one) for one in order]),
    "names": lambda each, order: names.put(each, [event_row(event(one)) for one in order]),
    "notifications": lambda each, order: notifications.insert_or_get(
        each, [a_notification(topic=f"topic {one}") for one in order]
    ),
    "runs": lambda each, order: runs.put(each, [a_run(one) for one in order]),
    "test_results": lambda each, order: test_results.record(each, event(1), a_run(1), [observed(one) for one in order]),
    "told": lambda each, order: told.put_all(each, {(one, "channel"): Color.RED for one in order}, NOON),
    "tracks": lambda each, order: tracks.lock(each, {tracks.digest_of(event(one)): event(one) for one in order}),
}


@pytest.mark.parametrize("name", PUTS)
async def test_rows_are_written_in_one_order_whatever_order_they_are_given_in(
    stores: tuple[Store, Store], name: str
) -> None:
    given = (ORDER, tuple(reversed(ORDER)))

    await asyncio.gather(*(store.write_alone(PUTS[name], order) for store, order in zip(stores, given, strict=True)))


async def test_a_worker_that_adds_a_track_holds_none_that_another_may_wait_for(stores: tuple[Store, Store]) -> None:
    """One finds two tracks missing; another adds the first of them meanwhile, and a third, which has it, the second."""
    first, second = sorted((event(1), event(2)), key=tracks.digest_of)
    both = {tracks.digest_of(one): one for one in (first, second)}

    def lock(transaction: Transaction, wanted: dict[UUID, Event], pause: float) -> Any:
        transaction.execute(text(f"SET LOCAL test.pause = '{pause}'"))
        return tracks.lock(transaction, wanted)

    async def later(seconds: float, store: Store, wanted: dict[UUID, Event], pause: float) -> None:
        await asyncio.sleep(seconds)
        await store.write_alone(lock, wanted, pause)

    await asyncio.gather(
        later(0, stores[0], both, 0.4),  # adds the first at 0.4 s, if it is not there, and the second at 0.8 s
        later(0.1, stores[1], {tracks.digest_of(first): first}, 0),
        later(0.5, stores[1], both, 0.6),  # finds the first, and adds the second at 1.1 s
    )
