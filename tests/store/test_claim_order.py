"""A claim reads the deliveries that it takes, however many wait behind them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Delivery, Via
from service.store.deliveries import deliveries
from tests.support.app_fixture import NINE
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")
WAITING = 400
CLAIMED = 10


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    await store.write(deliveries.keep_many, [delivery(number) for number in range(WAITING)])
    yield store
    await store.close()


def delivery(number: int) -> Delivery:
    return Delivery(
        id=UUID(int=2 * WAITING - number),
        source="circleci",
        source_event_id=str(number),
        via=Via.WEBHOOK,
        received_at=NINE + timedelta(seconds=number),
        headers=(),
        body=b"".join(sha256(b"%d %d" % (number, part)).digest() for part in range(30)),
        signed=None,
    )


def claim(transaction: Transaction) -> list[UUID]:
    claimed = deliveries.claim(transaction, now=NINE + timedelta(minutes=1), limit=CLAIMED)
    return [one.id for one in claimed]


def settle_all(transaction: Transaction) -> None:
    """Settle what waits, and have the database count: it finds that nothing waits."""
    deliveries.settle(transaction, [delivery(number).id for number in range(WAITING)])
    transaction.exec_driver_sql("ANALYZE deliveries")


def plans_of_claim(transaction: Transaction) -> list[str]:
    """Return the plans of the statements of a claim, as the database tells them."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_rest: object) -> None:
        statements.append((statement, values))

    event.listen(transaction, "before_cursor_execute", note)
    claim(transaction)
    event.remove(transaction, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if transaction.dialect.name == "sqlite" else "EXPLAIN"
    found = [transaction.exec_driver_sql(f"{explain} {statement}", values) for statement, values in statements]
    return ["\n".join(str(row) for row in plan) for plan in found]


async def test_claim_of_a_backlog_that_statistics_do_not_know_sorts_nothing(store: Store) -> None:
    await store.write(settle_all)
    await store.write(deliveries.keep_many, [delivery(WAITING + number) for number in range(WAITING)])

    plans = await store.write(plans_of_claim)

    assert len(plans) == 2
    for plan in plans:
        assert "Sort" not in plan
        assert "TEMP B-TREE" not in plan
        assert "ix_deliveries_" in plan


async def test_due_deliveries_with_a_time_come_first_and_then_the_oldest(store: Store) -> None:
    timed = [delivery(number).id for number in (300, 200)]
    await store.write(deliveries.put_off, timed[:1], until=NINE)
    await store.write(deliveries.put_off, timed[1:], until=NINE + timedelta(seconds=1))
    await store.write(deliveries.put_off, [delivery(0).id], until=NINE + timedelta(minutes=2))

    claimed = await store.write(claim)

    assert claimed == [*timed, *(delivery(number).id for number in range(1, CLAIMED - 1))]


async def test_settled_and_dead_deliveries_are_not_claimed(store: Store) -> None:
    await store.write(deliveries.put_off, [delivery(0).id, delivery(1).id], until=NINE)
    await store.write(deliveries.settle, [delivery(0).id, delivery(2).id])
    await store.write(deliveries.mark_dead, delivery(1).id, "invented")

    claimed = await store.write(claim)

    assert claimed == [delivery(number).id for number in range(3, 3 + CLAIMED)]
