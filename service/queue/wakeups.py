"""Wake-ups between processes on Postgres, after deliveries were kept.

A NOTIFY within a transaction would make all commits of the server wait for each other. So it has a connection of its
own, and one stands for all commits since the last. A lost one costs a polling interval.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from psycopg import AsyncConnection, Error

from service.db.errors import driver_message
from service.db.postgres import connection_parameters

CHANNEL = "roundsman_deliveries"

log = structlog.get_logger()


class WakeUps:
    """The wake-ups of a process: those it sends, and those it listens to.

    pause_s   between two of them: at most twenty in a second
    retry_s   after a lost connection
    """

    def __init__(self, database_url: str, *, pause_s: float = 0.05, retry_s: float = 2.0) -> None:
        self._database_url = database_url
        self._pause_s = pause_s
        self._retry_s = retry_s
        self._wanted = asyncio.Event()

    def send(self) -> None:
        """Wake the workers of all processes soon."""
        self._wanted.set()

    async def run_sender(self) -> None:
        """Send wake-ups until cancelled."""

        async def send(connection: AsyncConnection[Any]) -> None:
            await self._wanted.wait()
            self._wanted.clear()
            await connection.execute(f"NOTIFY {CHANNEL}")
            await asyncio.sleep(self._pause_s)

        await self._wanted.wait()  # a process that keeps nothing needs no connection
        await self._repeat(send)

    async def run_listener(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` at each wake-up until cancelled.

        It is called after each connection too: wake-ups may have been lost.
        """

        async def listen(connection: AsyncConnection[Any]) -> None:
            await connection.execute(f"LISTEN {CHANNEL}")
            wake()
            async for _ in connection.notifies():
                wake()

        await self._repeat(listen)

    async def _repeat(self, work: Callable[[AsyncConnection[Any]], Awaitable[None]]) -> None:
        """Repeat work on a connection; a new one after it was lost."""
        while True:
            try:
                await self._repeat_on_one(work)
            except (Error, OSError) as error:
                log.warning("workers find new deliveries by polling for now", reason=driver_message(error))
                await asyncio.sleep(self._retry_s)

    async def _repeat_on_one(self, work: Callable[[AsyncConnection[Any]], Awaitable[None]]) -> None:
        parameters: dict[str, Any] = dict(connection_parameters(self._database_url))
        async with await AsyncConnection.connect(self._database_url, autocommit=True, **parameters) as connection:
            while True:
                await work(connection)
