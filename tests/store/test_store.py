"""The store: what a transaction is, and that everything comes back as it went in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadConfig, NotFound, Temporary
from service.model import (
    Actor,
    Commit,
    Delivery,
    DetailKind,
    Details,
    Event,
    EventKind,
    Job,
    JobReport,
    MissingDetail,
    Pipeline,
    Project,
    SignatureMatch,
    TestFailure,
    TestReport,
    Vcs,
    Via,
    Workflow,
)
from service.store.deliveries import deliveries
from service.store.events import events
from service.store.notifications import notifications
from tests.support.app_fixture import NINE, still_writing
from tests.support.databases import Database

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
    wanted=frozenset(DetailKind),
    actor=Actor(id="a"),
    vcs=Vcs(branch="main"),
    jobs=(
        JobReport(name="unit", status="failed", tests=TestReport(failures=(TestFailure(name="t", run_time_s=0.5),))),
    ),
    missing=(
        MissingDetail(want=DetailKind.TESTS, reason="the token may not read them", is_final=True, retry_after_s=10.0),
    ),
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
    await store.write(events.put, event)

    assert await store.read(events.find, event.id) == event


async def test_details_come_back_as_they_went_in(store: Store) -> None:
    await store.write(events.put_details, {FULL.id: LEARNED})

    assert await store.read(events.find_details, FULL.id) == LEARNED


async def test_gaps_that_are_reopened_stay_on_record_and_may_be_asked_again(store: Store) -> None:
    await store.write(events.put_details, {FULL.id: LEARNED})
    await store.write(events.retry_missing_details, FULL.id)
    learned = await store.read(events.find_details, FULL.id)

    [gap] = LEARNED.missing
    assert learned == replace(LEARNED, missing=(replace(gap, is_final=False, retry_after_s=None),))
    assert learned.may_improve


def a_delivery(body: bytes) -> Delivery:
    return Delivery(
        id=uuid4(),
        source="circleci",
        source_event_id="1",
        via=Via.WEBHOOK,
        received_at=NINE,
        headers=(("user-agent", "b\u00e4r"), ("user-agent", "again")),
        body=body,
        signed=None,
    )


@pytest.mark.parametrize("signed", [SignatureMatch(index=1, fingerprint="5f2a"), None])
async def test_a_delivery_comes_back_as_it_came(store: Store, signed: SignatureMatch | None) -> None:
    delivery = replace(a_delivery(bytes(range(256))), signed=signed)

    ids = await store.write(deliveries.keep_many, [delivery])

    assert ids == [delivery.id]
    assert await store.read(deliveries.find, delivery.id) == delivery


def how_many(transaction: Transaction) -> int:
    """How many events there are."""
    return int(transaction.execute(text("SELECT count(*) FROM events")).scalar_one())


@pytest.mark.parametrize("find", [deliveries.find, events.find, notifications.find])
async def test_what_is_not_there_is_not_found_by_its_id(
    store: Store, find: Callable[[Transaction, UUID], object]
) -> None:
    nobody = uuid4()
    with pytest.raises(NotFound, match=str(nobody)):
        await store.read(find, nobody)


async def test_a_time_of_elsewhere_is_the_same_moment_in_utc(store: Store) -> None:
    there = NINE.astimezone(timezone(timedelta(hours=-8)))
    await store.write(events.put, replace(EMPTY, happened_at=there))
    found = await store.write(events.find, EMPTY.id)

    assert found.happened_at == NINE
    assert found.happened_at.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    naive = datetime(2026, 3, 2, 9, 30)  # noqa: DTZ001 - the point
    with pytest.raises(Exception, match="has no time zone"):
        await store.write(events.put, replace(EMPTY, happened_at=naive))


async def test_what_raises_in_the_middle_was_never_written(store: Store) -> None:
    def write_and_fail(transaction: Transaction) -> None:
        events.put(transaction, EMPTY)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.write(write_and_fail)

    assert await store.read(how_many) == 0


async def test_who_listens_hears_of_commits_and_of_nothing_else(store: Store) -> None:
    heard: list[None] = []
    store.after_commit(lambda: heard.append(None))
    await store.write(events.put, EMPTY)
    await store.read(how_many)

    assert len(heard) == 1


async def test_readers_see_what_was_committed_while_somebody_writes(store: Store) -> None:
    async with still_writing(store, lambda transaction: events.put(transaction, EMPTY)):
        meanwhile = await store.read(how_many)

    assert (meanwhile, await store.read(how_many)) == (0, 1)


async def test_writers_take_turns(store: Store) -> None:
    await asyncio.gather(*(store.write(events.put, replace(EMPTY, id=uuid4())) for _ in range(50)))

    assert await store.read(how_many) == 50


@pytest.mark.databases("sqlite")
async def test_a_commit_is_on_disk_when_it_returns_on_sqlite(store: Store) -> None:
    """SQLite's FULL (2), and WAL: a reader keeps no writer waiting."""
    modes = await store.write(
        lambda transaction: [
            (transaction.execute(text(f"PRAGMA {name}"))).scalar() for name in ("synchronous", "journal_mode")
        ]
    )

    assert modes == [2, "wal"]


async def test_a_word_outside_a_closed_set_is_a_bug_and_no_trouble_of_the_database(store: Store) -> None:
    strange = text(
        "INSERT INTO events (id, kind, source_event_id, happened_at, received_at, via, has_job) VALUES "
        "('5f0c3f3d-7f58-4d5e-9b0a-000000000001', 'ping', '1', '2026-03-02', '2026-03-02', 'pigeon', false)"
    )
    with pytest.raises(IntegrityError, match="ck_events_via"):
        await store.write(lambda transaction: transaction.execute(strange))


async def test_a_bug_of_ours_is_not_hidden_as_trouble_of_the_database(store: Store) -> None:
    def write_twice(transaction: Transaction) -> None:
        for _ in range(2):
            transaction.execute(text("INSERT INTO alembic_version VALUES ('0001')"))

    with pytest.raises(IntegrityError):
        await store.write(write_twice)


async def test_a_bug_of_ours_tells_no_log_what_stood_in_a_delivery(store: Store) -> None:
    delivery = a_delivery(b"an-invented-password")
    await store.write(deliveries.keep_many, [delivery])

    with pytest.raises(IntegrityError) as caught:
        await store.write(deliveries.keep_many, [replace(delivery, source_event_id="another")])

    assert "an-invented-password" not in str(caught.value)


async def test_a_file_that_is_no_database_is_a_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "roundsman.db").write_bytes(b"what is this?" * 100)
    store = Store(f"sqlite:///{tmp_path / 'roundsman.db'}")

    with pytest.raises(BadConfig, match="the database cannot be written now: file is not a database; name another"):
        await store.write(how_many)
    await store.close()


@pytest.mark.databases("sqlite")
async def test_transaction_that_waits_too_long_raises_on_sqlite(folder: Path) -> None:
    store = Store(f"sqlite:///{folder / 'roundsman.db'}", max_wait_s=0.01)

    async with still_writing(store):
        with pytest.raises(Temporary, match="other work of this process has not ended"):
            await store.write(how_many)
    await store.close()
