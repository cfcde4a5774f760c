"""The connections of the job engine: each statement is committed at once, and dead ones are replaced."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from unittest.mock import Mock, patch

import pytest
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from service.queue.connections import CHECK_EVERY_S, connections
from tests.support.databases import Database

pytestmark = pytest.mark.databases("postgres")
ENDING = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Counting(AsyncConnection[Any]):
    """A connection that counts the checks of all."""

    checks = 0

    async def execute(self, *arguments: Any, **named: Any) -> Any:
        Counting.checks += arguments == ("",)
        return await super().execute(*arguments, **named)


@pytest.fixture
def clock() -> Iterator[Mock]:
    with patch("service.queue.connections.time") as clock:
        clock.monotonic.return_value = 100.0
        yield clock.monotonic


@pytest.fixture
async def pool(database: Database, clock: Mock) -> AsyncIterator[AsyncConnectionPool]:
    wanted = {"conninfo": database.url, "min_size": 0, "max_size": 1, "connection_class": Counting, "open": False}
    async with connections(**wanted) as pool:
        yield pool


async def test_statement_is_committed_at_once(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")

        assert connection.info.transaction_status is TransactionStatus.IDLE


async def test_connection_is_checked_once_a_second_however_often_it_is_used(
    pool: AsyncConnectionPool, clock: Mock
) -> None:
    checks = []
    for after_s in (0, CHECK_EVERY_S - 0.01, CHECK_EVERY_S, 2 * CHECK_EVERY_S - 0.01):
        clock.return_value, Counting.checks = 100.0 + after_s, 0
        async with pool.connection():
            checks.append(Counting.checks)

    assert checks == [1, 0, 1, 0]


async def test_connection_that_was_lost_while_idle_is_replaced(
    pool: AsyncConnectionPool, database: Database, clock: Mock
) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")
    database.change(ENDING)
    clock.return_value += CHECK_EVERY_S
    async with pool.connection() as connection:
        found = await (await connection.execute("SELECT 2")).fetchone()

    assert found == (2,)
