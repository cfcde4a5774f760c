"""The job engine's connections to Postgres: made for single statements, so that each costs one journey and not four."""

import math
import time
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

CHECK_EVERY_S = 1.0


def connections(**wanted: Any) -> AsyncConnectionPool:
    """The pool that Procrastinate asks for, but that it opens no transactions and checks no connection all the time."""
    return AsyncConnectionPool(**wanted | {"configure": _commit_each_statement, "check": _Check()})


async def _commit_each_statement(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)


class _Check:
    """Ask a connection that was not used for a while whether it is still there, so that a dead one is replaced."""

    def __init__(self) -> None:
        self._checked_at: WeakKeyDictionary[AsyncConnection, float] = WeakKeyDictionary()

    async def __call__(self, connection: AsyncConnection) -> None:
        now = time.monotonic()
        if now >= self._checked_at.get(connection, -math.inf) + CHECK_EVERY_S:
            await AsyncConnectionPool.check_connection(connection)
            self._checked_at[connection] = now
