"""Decisions on record: one row for all routes, and the routes once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from service.db.database import Store
from service.db.tables import Transaction, metadata
from service.model import (
    AbsentFacts,
    DetailKind,
    Judgment,
    JudgmentNotes,
    RoutesVersion,
    Verdict,
)
from service.store.events import decisions, events, routes_versions
from service.store.events.verdicts import read_verdicts, write_verdicts
from tests.support.app_fixture import NINE
from tests.support.example_events import FAILED, at_any_pace, route

pytestmark = pytest.mark.databases("sqlite", "postgres")

VERSION = RoutesVersion(tuple(route(f"route {n}", project=f"gh/acme/service-{n}") for n in range(300)))
POSITIONS = st.integers(0, 40)
RECORDED = st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.NOT_MATCHED])


def a_judgment(**changes: object) -> Judgment:
    judgment = Judgment(
        event_id=uuid4(), round=1, decided_at=NINE, verdicts={7: Verdict.MATCHED, 8: Verdict.PRECEDED}, version=VERSION
    )
    return replace(judgment, **changes)  # type: ignore[arg-type]  # reason: any of its fields


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    store = Store(database_url)
    yield store
    await store.close()


async def count(store: Store, table: str) -> int:
    counting = select(func.count()).select_from(metadata.tables[table])
    return await store.read(lambda transaction: transaction.execute(counting).scalar_one())


@at_any_pace
@given(st.dictionaries(POSITIONS, RECORDED))
def test_verdicts_are_read_as_they_were_written(verdicts: dict[int, Verdict]) -> None:
    assert read_verdicts(write_verdicts(verdicts)) == verdicts


@pytest.mark.parametrize(
    ("verdicts", "written"),
    [
        ({}, ""),
        ({0: Verdict.MATCHED, **dict.fromkeys(range(1, 300), Verdict.PRECEDED)}, "m0 p1-299"),
        ({3: Verdict.ALREADY_TOLD, 4: Verdict.MATCHED, 6: Verdict.MATCHED, 7: Verdict.MATCHED}, "a3 m4 m6-7"),
    ],
)
def test_verdicts_of_neighbors_are_one_run(verdicts: dict[int, Verdict], written: str) -> None:
    assert write_verdicts(verdicts) == written


async def test_judgment_is_read_as_it_was_written_and_newest_first(store: Store) -> None:
    notes = JudgmentNotes(remarks={7: ("it hears already", "é")}, unknown={DetailKind.ACTOR: ("no token",)})
    first = a_judgment(absent=AbsentFacts.LOGIN | AbsentFacts.TAG, notes=notes)
    second = replace(first, round=2, verdicts={}, decided_at=NINE + timedelta(hours=1), version=RoutesVersion(()))
    other = a_judgment(is_told=True)

    await store.write(decisions.put, [first, other])
    await store.write(decisions.put, [second])

    assert await store.read(decisions.find, first.event_id) == [second, first]
    assert await store.read(decisions.find, other.event_id) == [other]
    assert await store.read(decisions.find, uuid4()) == []
    assert await store.read(decisions.last_rounds, [first.event_id, other.event_id, uuid4()]) == {
        first.event_id: 2,
        other.event_id: 1,
    }
    assert await store.read(decisions.last_round, uuid4()) == 0


async def test_an_event_is_one_row_for_all_routes_which_are_kept_once(store: Store) -> None:
    again = RoutesVersion(tuple(VERSION.routes))

    await store.write(decisions.put, [a_judgment(), a_judgment(version=again), a_judgment(verdicts={})])
    await store.write(decisions.put, [a_judgment()])

    assert (await count(store, "decisions"), await count(store, "routes_versions")) == (4, 1)


async def test_processes_that_first_judge_by_the_same_routes_at_the_same_time_store_them_once(
    database_url: str,
) -> None:
    stores = [Store(database_url) for _ in range(4)]
    judgments = [a_judgment() for _ in stores]

    await asyncio.gather(
        *(one.write(decisions.put, [judgment]) for one, judgment in zip(stores, judgments, strict=True))
    )
    read = [await stores[0].read(decisions.find, judgment.event_id) for judgment in judgments]
    versions = await count(stores[0], "routes_versions")
    for one in stores:
        await one.close()

    assert read == [[judgment] for judgment in judgments]
    assert versions == 1


async def test_routes_of_a_transaction_that_is_rolled_back_are_stored_by_the_next(store: Store) -> None:
    def fail(transaction: Transaction) -> None:
        decisions.put(transaction, [a_judgment()])
        raise ValueError("and all is undone")

    with pytest.raises(ValueError, match="undone"):
        await store.write(fail)
    judgment = a_judgment()
    await store.write(decisions.put, [judgment])

    assert await store.read(decisions.find, judgment.event_id) == [judgment]


async def test_event_that_is_to_change_is_noted_in_its_earlier_judgments_once(store: Store) -> None:
    event = replace(FAILED, id=uuid4())
    first = a_judgment(event_id=event.id, notes=JudgmentNotes(remarks={7: ("told",)}))
    written = replace(first, round=2, version=None, notes=JudgmentNotes(texts=(("red", "web", "so"),)))
    other = a_judgment()
    await store.write(events.put, event)
    await store.write(decisions.put, [first, written, other])

    await store.write(decisions.keep_event, event)
    await store.write(decisions.keep_event, replace(event, branch="later"))

    noted = replace(first, notes=replace(first.notes, event=event))
    assert await store.read(decisions.find, event.id) == [written, noted]
    assert await store.read(decisions.find, other.event_id) == [other]


async def test_routes_in_use_are_marked_as_seen_once_a_day(store: Store) -> None:
    async def seen_after(hours: int) -> object:
        now = NINE + timedelta(hours=hours)
        await store.write(routes_versions.find_or_insert, VERSION, now)
        query = text("SELECT seen_at FROM routes_versions")
        return (await store.read(lambda transaction: transaction.execute(query).scalars().all()))[0]

    first, same_day, next_day = await seen_after(0), await seen_after(23), await seen_after(25)

    assert first == same_day != next_day


async def test_routes_are_forgotten_with_the_last_decision_that_names_them(store: Store) -> None:
    old = replace(FAILED, id=uuid4(), received_at=NINE - timedelta(days=10))
    unused, used, young = (RoutesVersion((route(name),)) for name in ("unused", "used", "young"))
    await store.write(events.put, old)
    for version, days in ((unused, 10), (used, 10), (young, 1)):
        at = NINE - timedelta(days=days)
        event_id = old.id if version is used else uuid4()
        judgment = a_judgment(event_id=event_id, version=version, verdicts={}, decided_at=at)
        await store.write(decisions.put, [judgment])
    await store.write(lambda transaction: transaction.execute(text("DELETE FROM decisions WHERE routes_version = 1")))

    await store.write(routes_versions.forget, before=NINE - timedelta(days=2), now=NINE)

    query = text("SELECT routes FROM routes_versions ORDER BY id")
    left = await store.read(lambda transaction: [str(one) for one in transaction.execute(query).scalars()])
    assert len(left) == 2
    assert "unused" not in "".join(left)
