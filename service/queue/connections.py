"""Connections of the job engine: in autocommit, with one round trip a statement."""

import math
import time
from typing import Any
from weakref import WeakKeyDictionary

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

CHECK_EVERY_S = 1.0


def connections(**wanted: Any) -> AsyncConnectionPool:
    """Return the pool Procrastinate asks for, in autocommit and with rarer checks."""
    return AsyncConnectionPool(**wanted | {"configure": _commit_each_statement, "check": _Check()})


async def _commit_each_statement(connection: AsyncConnection) -> None:
    await connection.set_autocommit(True)


class _Check:
    """A check of connections after a second of idleness: dead ones are replaced."""

    def __init__(self) -> None:
        self._checked_at: WeakKeyDictionary[AsyncConnection, float] = WeakKeyDictionary()

    async def __call__(self, connection: AsyncConnection) -> None:
        now = time.monotonic()
        if now >= self._checked_at.get(connection, -math.inf) + CHECK_EVERY_S:
            await AsyncConnectionPool.check_connection(connection)
            self._checked_at[connection] = now
