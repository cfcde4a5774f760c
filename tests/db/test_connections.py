"""The job engine's connections: single statements, and none through a connection that is gone."""

from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from service.queue import connections as ours
from service.queue.connections import connections
from tests.support.databases import Database

pytestmark = pytest.mark.databases("postgres")


@pytest.fixture
async def pool(database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AsyncConnectionPool]:
    """One connection, checked whenever it is taken."""
    monkeypatch.setattr(ours, "CHECK_EVERY_S", 0.0)
    async with connections(conninfo=database.url, min_size=1, max_size=1, open=False) as pool:
        yield pool


async def backend(connection: AsyncConnection) -> int:
    cursor = await connection.execute("SELECT pg_backend_pid()")
    [number] = await cursor.fetchone() or (0,)
    return int(number)


async def test_a_statement_is_a_transaction_of_its_own(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await backend(connection)

        assert connection.info.transaction_status is TransactionStatus.IDLE


async def test_a_connection_that_is_gone_is_replaced_before_it_is_used(
    pool: AsyncConnectionPool, database: Database
) -> None:
    async with pool.connection() as connection:
        before = await backend(connection)
    database.rows("SELECT pg_terminate_backend(?, 5000)", before)

    async with pool.connection() as connection:
        assert await backend(connection) != before


async def test_a_connection_in_steady_use_is_not_checked_each_time(
    pool: AsyncConnectionPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []

    async def check(connection: AsyncConnection) -> None:
        checked.append(connection)

    monkeypatch.setattr(ours, "CHECK_EVERY_S", 3600.0)
    monkeypatch.setattr(AsyncConnectionPool, "check_connection", check)
    for _ in range(3):
        async with pool.connection() as connection:
            await backend(connection)

    assert len(checked) == 1
