"""Two workers that drop or begin the same notifications of a track do not wait for each other crosswise."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import event, text

from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.model import News
from service.store.notifications import notifications
from tests.pipeline.test_news import CHANGES, run
from tests.support.app_fixture import NINE, an_instance
from tests.support.databases import Database
from tests.support.neighbor_rows import a_notification

pytestmark = [pytest.mark.databases("postgres"), pytest.mark.long]

TRACK = 7
BEGINNING = "attempts=(notifications.attempts +"
LOCKING = "ORDER BY notifications.created_at, notifications.id FOR NO KEY UPDATE"
OTHERS_WAIT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
MAX_LOOKS = 500
BEFORE, AFTER = UUID(int=2), UUID(int=1)
UNBOUND = """
SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname)
FROM pg_constraint WHERE contype = 'f'
"""


@pytest.fixture
async def stores(database: Database) -> AsyncIterator[tuple[Store, Store]]:
    """Two workers' stores. Of two notifications of one track the older stands behind the other in the table."""
    for statement in [one for (one,) in database.rows(UNBOUND)]:
        database.change(statement)
    pair = (Store(database.url), Store(database.url))
    wanted = [
        a_notification(id=key, track_id=TRACK, news=News.BROKE, attempts=0, created_at=NINE + timedelta(minutes=minute))
        for minute, key in enumerate((BEFORE, AFTER))
    ]
    await pair[0].write(notifications.insert_or_get, wanted)
    database.change("UPDATE notifications SET reason = 'moved' WHERE id = ?", BEFORE)
    yield pair
    for store in pair:
        await store.close()


def begin(transaction: Transaction, *, locks: bool, begun: Callable[[], object]) -> None:
    """Drop what came before, and begin an attempt once another transaction waits for this one."""
    if locks:
        notifications.lock_unfinished(transaction, [TRACK], channel_key="k")
    notifications.drop(transaction, [BEFORE], reason="newer news")
    begun()
    for _ in range(MAX_LOOKS):
        transaction.execute(text("SELECT pg_stat_clear_snapshot(), pg_sleep(0.02)"))
        if transaction.execute(text(OTHERS_WAIT)).scalar():
            break
    notifications.begin_attempt(transaction, AFTER, NINE)


def plan(transaction: Transaction, *, locks: bool) -> None:
    """Drop both for news that take their place."""
    if locks:
        notifications.lock_unfinished(transaction, [TRACK])
    notifications.drop(transaction, [BEFORE, AFTER], reason="newer news")


async def cross(stores: tuple[Store, Store], *, locks: bool) -> list[BaseException | None]:
    begun, loop = asyncio.Event(), asyncio.get_running_loop()

    async def plan_later() -> None:
        await begun.wait()
        await stores[1].write(plan, locks=locks)

    beginning = stores[0].write(begin, locks=locks, begun=lambda: loop.call_soon_threadsafe(begun.set))
    both = asyncio.gather(beginning, plan_later(), return_exceptions=True)
    return list(await both)


async def test_without_a_common_order_one_of_them_is_thrown_out(stores: tuple[Store, Store]) -> None:
    found = await cross(stores, locks=False)

    (thrown_out,) = (one for one in found if one is not None)
    assert isinstance(thrown_out, Temporary)
    assert "deadlock detected" in str(thrown_out)


async def test_in_one_order_the_second_waits_for_the_first(stores: tuple[Store, Store], database: Database) -> None:
    assert await cross(stores, locks=True) == [None, None]
    assert database.rows("SELECT state FROM notifications ORDER BY id") == [("sending",), ("dropped",)]


async def test_a_decision_and_a_send_lock_before_they_change_anything(folder: Path) -> None:
    async with an_instance(folder, CHANGES) as instance:
        seen: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
            seen.append(" ".join(statement.split()))

        event.listen(instance.service.context.store._engines[0], "before_cursor_execute", note)
        await instance.finish(run(901, "failed"))
        await instance.process()
        decided, seen[:] = list(seen), []
        await instance.drain(minutes=5)

        for statements, change in ((decided, "INSERT INTO notifications"), (seen, BEGINNING)):
            kinds = ["lock" if LOCKING in one else "change" for one in statements if change in one or LOCKING in one]
            assert kinds[:2] == ["lock", "change"]
