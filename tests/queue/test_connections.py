"""The connections of the job engine: each statement is committed at once, and few uses cost a check."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from service.queue.connections import CHECK_EVERY_S, connections
from tests.support.databases import Database

pytestmark = pytest.mark.databases("postgres")
USES = 50


class Counting(AsyncConnection[Any]):
    """A connection that counts the checks of all."""

    checks = 0

    async def execute(self, *arguments: Any, **named: Any) -> Any:
        Counting.checks += arguments == ("",)
        return await super().execute(*arguments, **named)


@pytest.fixture
async def pool(database: Database) -> AsyncIterator[AsyncConnectionPool]:
    wanted = {"conninfo": database.url, "min_size": 0, "max_size": 1, "connection_class": Counting, "open": False}
    async with connections(**wanted) as pool:
        yield pool


async def test_statement_is_committed_at_once(pool: AsyncConnectionPool) -> None:
    async with pool.connection() as connection:
        await connection.execute("SELECT 1")

        assert connection.info.transaction_status is TransactionStatus.IDLE


async def test_connection_is_checked_once_a_second_however_often_it_is_used(pool: AsyncConnectionPool) -> None:
    Counting.checks, began = 0, time.monotonic()
    for _ in range(USES):
        async with pool.connection():
            pass
    took_s = time.monotonic() - began

    assert 1 <= Counting.checks <= 1 + took_s / CHECK_EVERY_S
