"""Rows written in another order than they are read in, and locks."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import event, insert

from service.db.database import Store
from service.db.tables import Transaction, attempts
from service.model import Attempt, NotificationState, Outcome
from service.store.deliveries import deliveries
from service.store.notifications import notifications
from tests.support.app_fixture import NINE, still_writing
from tests.support.databases import Database
from tests.support.neighbor_rows import NeighborRows, a_delivery, a_notification

pytestmark = pytest.mark.databases("sqlite", "postgres")

MINUTES = (3, 1, 4, 2)  # the order in which rows are written


@pytest.fixture
async def rows(database: Database) -> AsyncIterator[NeighborRows]:
    store = Store(database.url)
    yield NeighborRows(store=store, database=database)
    await store.close()


async def test_notifications_are_read_oldest_first_whatever_was_written_first(rows: NeighborRows) -> None:
    event_id, at = uuid4(), [NINE + timedelta(minutes=minute) for minute in MINUTES]
    written = [
        a_notification(event_id=event_id, topic="news", channel_key=str(place), created_at=moment)
        for place, moment in enumerate(at)
    ]
    await rows.insert(*written)

    by_event = await rows.store.read(notifications.of_events, [event_id])
    by_topic = await rows.store.read(notifications.of_topics, ["news"])

    assert [one.created_at for one in by_event] == [one.created_at for one in by_topic] == sorted(at)


async def test_dead_notifications_are_read_newest_first_whatever_was_written_first(rows: NeighborRows) -> None:
    at = [NINE + timedelta(minutes=minute) for minute in MINUTES]
    await rows.insert(*(a_notification(NotificationState.DEAD, next_attempt_at=moment) for moment in at))

    found = await rows.store.read(lambda transaction: notifications.find_dead(transaction, limit=10))

    assert [one.next_attempt_at for one in found] == sorted(at, reverse=True)


async def test_attempts_are_read_in_order_whatever_was_written_first(rows: NeighborRows) -> None:
    notification = await rows.notification(attempts=0)
    for number in MINUTES:
        attempt = Attempt(notification_id=notification.id, number=number, started_at=NINE, outcome=Outcome.PUT_OFF)
        await rows.store.write(lambda transaction, row: transaction.execute(insert(attempts), vars(row)), attempt)

    found = await rows.store.read(notifications.attempts_of, [notification.id])

    assert [attempt.number for attempt in found] == sorted(MINUTES)


async def test_deliveries_of_a_batch_are_written_in_the_order_of_their_keys(rows: NeighborRows) -> None:
    """Two processes that keep the same deliveries in opposite orders would lock each other out."""
    await rows.store.write(deliveries.keep_many, [a_delivery(source_event_id=key) for key in "cabd"])

    place = "ctid" if rows.database.url.startswith("postgres") else "rowid"
    written = rows.database.rows(f"SELECT source_event_id FROM deliveries ORDER BY {place}")  # noqa: S608
    assert [key for (key,) in written] == list("abcd")


@pytest.mark.databases("sqlite")
async def test_repeated_delivery_is_looked_up_by_its_key_on_sqlite(rows: NeighborRows) -> None:
    """A look-up that reads the whole table gives the same answer, at a price that grows with the history."""
    known = await rows.delivery()
    statements: list[tuple[str, Any]] = []

    def keep_again(transaction: Transaction) -> list[str]:
        @event.listens_for(transaction, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, values: Any, *_others: object) -> None:
            statements.append((statement, values))

        deliveries.keep_many(transaction, [a_delivery(source_event_id=known.source_event_id)])
        event.remove(transaction, "before_cursor_execute", note)
        looks = [(statement, values) for statement, values in statements if statement.startswith("SELECT")]
        plans = [transaction.exec_driver_sql(f"EXPLAIN QUERY PLAN {look}", values).all() for look, values in looks]
        return [step.detail for plan in plans for step in plan]

    steps = await rows.store.write(keep_again)

    assert steps
    assert not [step for step in steps if step.startswith("SCAN deliveries")]


@pytest.mark.databases("postgres")
async def test_delivery_that_is_held_cannot_be_pruned_meanwhile_on_postgres(rows: NeighborRows) -> None:
    held, other = await rows.delivery(), await rows.delivery()
    locking = "SELECT id FROM deliveries WHERE id = ? FOR UPDATE NOWAIT"

    async with still_writing(rows.store, lambda transaction: deliveries.lock(transaction, held.id)):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            rows.database.rows(locking, held.id)
        assert rows.database.rows(locking, other.id) == [(other.id.hex,)]
