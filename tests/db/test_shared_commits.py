"""Transactions that wait together on SQLite: one commit, and each caller gets its own outcome."""

import asyncio
import sqlite3
import struct
import sys
import threading
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DatabaseError, IntegrityError

from service.db.database import Store
from service.db.shared_commits import SharingLimits
from service.db.tables import Transaction, lanes
from service.errors import Temporary
from tests.support.app_fixture import NINE, SETTLED_WITHIN_S, still_writing, write_patiently
from tests.support.databases import Database

PATIENT = SharingLimits(seconds=SETTLED_WITHIN_S)
WAL_HEADER_BYTES, FRAME_HEADER_BYTES = 32, 24


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url, max_wait_s=SETTLED_WITHIN_S, sharing=PATIENT)
    yield store
    await store.close()


def write(transaction: Transaction, lane: str) -> str:
    transaction.execute(insert(lanes), {"lane": lane, "closed_at": NINE, "opens_at": NINE})
    return lane


def write_and_fail(transaction: Transaction, lane: str) -> None:
    write(transaction, lane)
    raise ZeroDivisionError(lane)


def commits(folder: Path) -> int:
    """The commits in the write-ahead log. Source: SQLite's "WAL-mode File Format"."""
    log = (folder / "roundsman.db-wal").read_bytes()
    (page_bytes,) = struct.unpack_from(">I", log, 8)
    sizes = (struct.unpack_from(">I", log, place + 4)[0] for place in frames(len(log), page_bytes))
    return sum(size > 0 for size in sizes)


def frames(log_bytes: int, page_bytes: int) -> range:
    return range(WAL_HEADER_BYTES, log_bytes, FRAME_HEADER_BYTES + page_bytes)


def written(database: Database) -> list[str]:
    return [lane for (lane,) in database.rows("SELECT lane FROM lanes ORDER BY lane")]


async def outcomes(store: Store, *writes: Coroutine[Any, Any, object]) -> list[object]:
    """The outcomes of transactions that wait together."""
    async with still_writing(store):
        tasks = [asyncio.create_task(write) for write in writes]
        await asyncio.sleep(0)  # each begins to wait
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def test_transactions_that_wait_together_share_a_commit(store: Store, folder: Path, database: Database) -> None:
    await store.write(write, "first")
    before = commits(folder)

    done = await outcomes(store, *(store.write(write, f"{number:02}") for number in range(20)))

    assert done == [f"{number:02}" for number in range(20)]
    assert commits(folder) - before == 1
    assert len(written(database)) == 21


async def test_no_more_share_a_commit_than_the_limit(folder: Path, database: Database) -> None:
    store = Store(database.url, max_wait_s=SETTLED_WITHIN_S, sharing=SharingLimits(parts=5, seconds=SETTLED_WITHIN_S))
    await store.write(write, "first")
    before = commits(folder)

    await outcomes(store, *(store.write(write, f"{number:02}") for number in range(20)))
    await store.write(write, "last")  # closing would end the log

    assert commits(folder) - before == 5
    await store.close()


async def test_transaction_is_awaited_while_an_urgent_one_waits(store: Store) -> None:
    async with still_writing(store):
        normal = asyncio.create_task(store.write(write, "a"))
        await asyncio.sleep(0)
        before = store.is_awaited
        urgent = asyncio.create_task(store.write_statement(write, "b"))
        await asyncio.sleep(0)
        during = store.is_awaited
    await asyncio.gather(normal, urgent)

    assert (before, during, store.is_awaited) == (False, True, False)


async def test_none_begins_after_the_time_limit(folder: Path, database: Database) -> None:
    store = Store(database.url, max_wait_s=SETTLED_WITHIN_S, sharing=SharingLimits(seconds=-1))
    await store.write(write, "first")
    before = commits(folder)

    await outcomes(store, *(store.write(write, f"{number:02}") for number in range(5)))

    assert commits(folder) - before == 5
    assert len(written(database)) == 6
    await store.close()


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_a_failed_transaction_undoes_only_its_own_part(store: Store, database: Database, place: int) -> None:
    writes: list[Coroutine[Any, Any, object]] = [store.write(write, "a"), store.write(write, "b")]
    writes.insert(place, store.write(write_and_fail, "c"))

    done = await outcomes(store, *writes)

    assert isinstance(done.pop(place), ZeroDivisionError)
    assert (done, written(database)) == (["a", "b"], ["a", "b"])


async def test_a_refused_statement_undoes_only_its_own_part(store: Store, database: Database) -> None:
    done = await outcomes(store, store.write(write, "a"), store.write(write, "a"), store.write(write, "b"))

    assert isinstance(done.pop(1), IntegrityError)
    assert (done, written(database)) == (["a", "b"], ["a", "b"])


async def test_an_error_that_ends_the_transaction_reaches_all(store: Store, database: Database) -> None:
    await store.write(write, "there")

    def end(transaction: Transaction) -> None:
        transaction.exec_driver_sql("INSERT OR ROLLBACK INTO lanes SELECT * FROM lanes WHERE lane = 'there'")

    done = await outcomes(
        store, store.write(write, "a"), store.write(write_and_fail, "b"), store.write(end), store.write(write, "c")
    )

    assert [type(one) for one in done] == [IntegrityError, ZeroDivisionError, IntegrityError, IntegrityError]
    assert written(database) == ["there"]
    assert await store.write(write, "later") == "later"


async def test_a_commit_that_fails_reaches_all(store: Store, database: Database) -> None:
    def allow(transaction: Transaction, *, commits: bool) -> None:
        def authorize(action: int, name: str | None, *_others: object) -> int:
            is_commit = action == sqlite3.SQLITE_TRANSACTION and name == "COMMIT"
            return sqlite3.SQLITE_DENY if is_commit and not commits else sqlite3.SQLITE_OK

        connection = transaction.connection.driver_connection
        assert connection is not None
        connection.set_authorizer(authorize)

    def forbid(transaction: Transaction) -> None:
        allow(transaction, commits=False)

    def permit(transaction: Transaction) -> None:
        allow(transaction, commits=True)

    done = await outcomes(store, store.write(write, "a"), store.write(forbid), store.write(write, "b"))

    assert [type(one) for one in done] == [DatabaseError] * 3
    assert written(database) == []
    await store.write(permit)
    assert await store.write(write, "later") == "later"


async def test_a_full_disk_acknowledges_what_is_on_disk_and_nothing_else(store: Store, database: Database) -> None:
    def fill(transaction: Transaction, lane: str) -> str:
        transaction.exec_driver_sql("PRAGMA max_page_count=1")  # SQLite takes this for as few pages as there are
        transaction.exec_driver_sql("CREATE TABLE filler AS SELECT zeroblob(1000000) AS bytes")
        return write(transaction, lane)

    done = await outcomes(store, store.write(write, "a"), store.write(fill, "b"), store.write(write, "c"))

    assert isinstance(done[1], Temporary)
    assert "disk full" in str(done[1])
    assert [one for one in done if isinstance(one, str)] == written(database)


async def test_nobody_is_answered_before_the_commit(store: Store, database: Database) -> None:
    answered: list[str] = []
    seen: list[list[str]] = []

    async def written_and_noted() -> None:
        answered.append(await store.write(write, "a"))

    def look(_transaction: Transaction) -> None:
        seen.append([*answered, *written(database)])

    await outcomes(store, written_and_noted(), store.write(look))

    assert (seen, answered, written(database)) == ([[]], ["a"], ["a"])


async def test_listeners_are_called_after_the_commit(store: Store, database: Database) -> None:
    heard: list[list[str]] = []

    def listen() -> None:
        heard.append(written(database))

    store.after_commit(listen)
    await outcomes(store, store.write(write, "a"), store.write(write_and_fail, "b"), store.write(write, "c"))

    # the first is of the transaction that held the others up: when it looks, they may have ended too
    assert heard in ([[], ["a", "c"], ["a", "c"]], [["a", "c"]] * 3)


async def test_a_caller_that_goes_away_while_it_waits_writes_nothing(store: Store, database: Database) -> None:
    async with still_writing(store):
        gone = asyncio.create_task(store.write(write, "gone"))
        there = asyncio.create_task(store.write(write, "there"))
        await asyncio.sleep(0)
        gone.cancel()
    await there

    assert gone.cancelled()
    assert written(database) == ["there"]


async def test_a_caller_that_waits_behind_a_part_of_its_transaction_is_told_in_time(database: Database) -> None:
    store = Store(database.url, max_wait_s=0.01, sharing=PATIENT)
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(_transaction: Transaction) -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(SETTLED_WITHIN_S)

    holding, late = asyncio.create_task(write_patiently(store, hold)), asyncio.create_task(store.write(write, "late"))
    await begun.wait()
    with pytest.raises(Temporary, match="other work of this process has not ended"):
        await late
    may_end.set()
    await holding

    assert written(database) == []
    await store.close()


async def test_a_long_transaction_has_a_commit_of_its_own(store: Store, folder: Path, database: Database) -> None:
    await store.write(write, "first")
    before = commits(folder)
    order: list[str] = []

    def noted(transaction: Transaction, lane: str) -> None:
        order.append(write(transaction, lane))

    await outcomes(
        store,
        *(store.write(noted, name) for name in ("n1", "n2")),
        *(store.write_alone(noted, name) for name in ("alone1", "alone2")),
        *(store.write_first(noted, name) for name in ("u1", "u2")),
    )

    assert order == ["u1", "u2", "n1", "n2", "alone1", "alone2"]
    assert commits(folder) - before == 3


async def test_closing_refuses_those_that_wait(database: Database) -> None:
    store = Store(database.url, sharing=PATIENT)
    async with still_writing(store):
        waiting = asyncio.create_task(store.write(write, "late"))
        await asyncio.sleep(0)
        closing = asyncio.create_task(store.close())
        with pytest.raises(RuntimeError, match="closed"):
            await waiting
        with pytest.raises(RuntimeError, match="closed"):
            await store.write(write, "later")
    await closing

    assert written(database) == []


CHILD = """
import asyncio, sys
from service.db.database import Store
from tests.db.test_shared_commits import write

async def write_on(store, name):
    for number in range(10_000):
        print(await store.write(write, f"{name}-{number}"), flush=True)

async def main():
    store = Store(sys.argv[1])
    await asyncio.gather(*(write_on(store, name) for name in range(16)))

asyncio.run(main())
"""


@pytest.mark.long
@pytest.mark.parametrize("lines", [1, 40, 200])
async def test_a_killed_process_has_kept_all_that_it_acknowledged(database: Database, lines: int) -> None:
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", CHILD, database.url, stdout=PIPE)
    assert child.stdout is not None
    async with asyncio.timeout(SETTLED_WITHIN_S):
        acknowledged = [await child.stdout.readline() for _ in range(lines)]
        child.kill()
        rest = await child.stdout.read()
        await child.wait()

    said = [line.decode().strip() for line in acknowledged] + rest.decode().split("\n")[:-1]
    assert len(said) >= lines
    assert set(said) <= set(written(database))
