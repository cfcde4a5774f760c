"""The store: what a transaction is, and that everything comes back as it went in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.errors import NotFound, Temporary
from service.model import (
    Actor,
    Commit,
    Delivery,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    Missing,
    Pipeline,
    Project,
    Signed,
    TestFailure,
    TestReport,
    Vcs,
    Via,
    Want,
    Workflow,
)
from service.store import Store, deliveries, events, notifications
from service.store import database as database_module
from service.store.database import driver_url, sync_url
from tests.databases import Database
from tests.house import NINE

pytestmark = pytest.mark.databases("sqlite", "postgres")

FULL = Event(
    id=uuid4(),
    kind=EventKind.JOB_COMPLETED,
    source_event_id="e",
    happened_at=NINE,
    received_at=NINE + timedelta(microseconds=1),
    via=Via.RECONCILE,
    org="acme",
    project=Project(id="p", slug="gh/acme/web", name="web"),
    pipeline=Pipeline(id="l", number=2**62),
    workflow=Workflow(id="w", name="build", status="failed", url="https://ci.example.com/w"),
    job=Job(id="j", name="unit", number=7, status="failed"),
    status="failed",
    branch="main",
    tag="v1",
    revision="0f8",
    commit=Commit(subject="s", author_name="Ada Example", author_email="ada@example.com", url="https://x.example.com"),
    actor=Actor(id="a", login="ada", name="Ada Example"),
    trigger="api",
    duration_ms=2**40,
)
EMPTY = Event(id=uuid4(), kind=EventKind.PING, source_event_id="p", happened_at=NINE, received_at=NINE)
LEARNED = Details(
    wanted=frozenset(Want),
    actor=Actor(id="a"),
    vcs=Vcs(branch="main"),
    jobs=(
        JobReport(name="unit", status="failed", tests=TestReport(failures=(TestFailure(name="t", run_time_s=0.5),))),
    ),
    missing=(Missing(want=Want.TESTS, reason="the token may not read them", is_final=True, retry_after_s=10.0),),
    rounds=2,
    asked_at=NINE,
)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


@pytest.mark.parametrize("event", [FULL, EMPTY, replace(EMPTY, job=Job())], ids=["all", "nothing", "unknown job"])
async def test_an_event_comes_back_as_it_went_in(store: Store, event: Event) -> None:
    async with store.writing() as transaction:
        await events.put(transaction, event)

    async with store.reading() as transaction:
        assert await events.find(transaction, event.id) == event


async def test_details_come_back_as_they_went_in(store: Store) -> None:
    async with store.writing() as transaction:
        await events.put_details(transaction, FULL.id, LEARNED)

    async with store.reading() as transaction:
        assert await events.find_details(transaction, FULL.id) == LEARNED


async def test_gaps_that_are_reopened_stay_on_record_and_may_be_asked_again(store: Store) -> None:
    async with store.writing() as transaction:
        await events.put_details(transaction, FULL.id, LEARNED)
        await events.reopen_gaps(transaction, FULL.id)
        learned = await events.find_details(transaction, FULL.id)

    [gap] = LEARNED.missing
    assert learned == replace(LEARNED, missing=(replace(gap, is_final=False, retry_after_s=None),))
    assert learned.may_improve


@pytest.mark.parametrize("signed", [Signed(index=1, fingerprint="5f2a"), None])
async def test_a_delivery_comes_back_as_it_came(store: Store, signed: Signed | None) -> None:
    delivery = Delivery(
        id=uuid4(),
        source="circleci",
        source_event_id="1",
        via=Via.WEBHOOK,
        received_at=NINE,
        headers=(("user-agent", "b\u00e4r"), ("user-agent", "again")),
        body=bytes(range(256)),
        signed=signed,
    )
    async with store.writing() as transaction:
        assert await transaction.run_sync(deliveries.keep_many, [delivery]) == [delivery.id]

    async with store.reading() as transaction:
        assert await deliveries.find(transaction, delivery.id) == delivery


async def test_what_is_not_there_is_not_found_by_its_id(store: Store) -> None:
    nobody = uuid4()
    async with store.reading() as transaction:
        for find in (deliveries.find, events.find, notifications.find):
            with pytest.raises(NotFound, match=str(nobody)):
                await find(transaction, nobody)


async def test_a_time_of_elsewhere_is_the_same_moment_in_utc(store: Store) -> None:
    there = NINE.astimezone(timezone(timedelta(hours=-8)))
    async with store.writing() as transaction:
        await events.put(transaction, replace(EMPTY, happened_at=there))
        found = await events.find(transaction, EMPTY.id)

    assert found.happened_at == NINE
    assert found.happened_at.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - the point
    async with store.writing() as transaction:
        with pytest.raises(Exception, match="has no time zone"):
            await events.put(transaction, replace(EMPTY, happened_at=naive))


async def test_what_raises_in_the_middle_was_never_written(store: Store) -> None:
    async def write_and_fail() -> None:
        async with store.writing() as transaction:
            await events.put(transaction, EMPTY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()

    async with store.reading() as transaction:
        assert (await transaction.execute(text("SELECT count(*) FROM events"))).scalar() == 0


async def test_who_listens_hears_of_commits_and_of_nothing_else(store: Store) -> None:
    heard: list[None] = []
    store.after_commit(lambda: heard.append(None))
    async with store.writing() as transaction:
        await events.put(transaction, EMPTY)
        before = len(heard)
    async with store.reading():
        pass

    assert (before, len(heard)) == (0, 1)


async def test_readers_see_what_was_committed_while_somebody_writes(store: Store) -> None:
    async with store.writing() as transaction:
        await events.put(transaction, EMPTY)
        async with store.reading() as other:
            assert (await other.execute(text("SELECT count(*) FROM events"))).scalar() == 0


async def test_writers_take_turns(store: Store) -> None:
    async def write(event: Event) -> None:
        async with store.writing() as transaction:
            await events.put(transaction, event)

    await asyncio.gather(*(write(replace(EMPTY, id=uuid4())) for _ in range(50)))

    async with store.reading() as transaction:
        assert (await transaction.execute(text("SELECT count(*) FROM events"))).scalar() == 50


@pytest.mark.databases("sqlite")
async def test_a_commit_is_on_disk_when_it_returns_on_sqlite(store: Store) -> None:
    """SQLite's FULL (2), and WAL: a reader keeps no writer waiting."""
    async with store.writing() as transaction:
        modes = [
            (await transaction.execute(text(f"PRAGMA {name}"))).scalar() for name in ("synchronous", "journal_mode")
        ]

    assert modes == [2, "wal"]


async def test_a_word_outside_a_closed_set_is_a_bug_and_no_trouble_of_the_database(store: Store) -> None:
    async with store.writing() as transaction:
        with pytest.raises(IntegrityError, match="ck_events_via"):
            await transaction.execute(
                text(
                    "INSERT INTO events (id, kind, source_event_id, happened_at, received_at, via, has_job) VALUES "
                    "('5f0c3f3d-7f58-4d5e-9b0a-000000000001', 'ping', '1', '2026-03-02', '2026-03-02', 'pigeon', false)"
                )
            )


async def test_a_bug_of_ours_is_not_hidden_as_trouble_of_the_database(store: Store) -> None:
    async def write_twice() -> None:
        async with store.writing() as transaction:
            for _ in range(2):
                await transaction.execute(text("INSERT INTO alembic_version VALUES ('0001')"))

    with pytest.raises(IntegrityError):
        await write_twice()


async def test_a_file_that_is_no_database_is_trouble_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").write_bytes(b"what is this?" * 100)
    store = Store(f"sqlite:///{tmp_path / 'roundsman.db'}")

    with pytest.raises(Temporary, match="the database cannot be written now: file is not a database"):
        await _write_nothing(store)
    await store.close()


def test_the_user_names_a_database_and_we_choose_the_driver() -> None:
    sqlite, postgres = "sqlite:///data/roundsman.db", "postgresql://ci:fake@db.example.com/roundsman"

    assert (driver_url(sqlite).drivername, driver_url(postgres).drivername) == (
        "sqlite+aiosqlite",
        "postgresql+psycopg",
    )
    assert (sync_url(sqlite).drivername, sync_url(postgres).drivername) == ("sqlite", "postgresql+psycopg")


@pytest.mark.databases("sqlite")
async def test_who_stands_in_line_for_too_long_is_told_on_sqlite(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "IN_LINE_S", 0.01)
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")

    async with store.writing():
        with pytest.raises(Temporary, match="others are still waiting for it"):
            await _write_nothing(store)
    await store.close()


async def _write_nothing(store: Store) -> None:
    async with store.writing():
        pass


async def test_where_no_route_says_anything_there_is_nothing_to_write(store: Store) -> None:
    async with store.writing() as transaction:
        await events.put_decisions(transaction, EMPTY.id, [], judged=1, at=NINE)

        assert await events.find_decisions(transaction, EMPTY.id) == []
        assert await events.last_round(transaction, EMPTY.id) == 0
