"""Wake-ups between processes on Postgres, after the commits of new work.

A NOTIFY within a transaction would make all commits of the server wait for each other. So it has a connection of its
own, and one stands for all commits since the last. A lost one costs a polling interval.
The driver is loaded with the first connection: a service on SQLite has none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import structlog

from service.db.errors import driver_message
from service.db.postgres import connection_parameters

DELIVERIES = "roundsman_deliveries"
JOBS = "roundsman_jobs"
PAGES = "roundsman_pages"

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
        self._wanted: dict[str, None] = {}
        self._any_wanted = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def send(self, channel: str = DELIVERIES) -> None:
        """Wake the workers of all processes soon; from any thread."""
        self._wanted[channel] = None
        if (loop := self._loop) is not None:  # read once: another thread may end it
            loop.call_soon_threadsafe(self._any_wanted.set)

    async def run_sender(self) -> None:
        """Send wake-ups until cancelled."""
        self._loop = asyncio.get_running_loop()
        if self._wanted:
            self._any_wanted.set()
        try:
            await self._any_wanted.wait()  # a process that keeps nothing needs no connection
            await self._repeat(self._send_wanted)
        finally:
            self._loop = None

    async def _send_wanted(self, connection: Any) -> None:
        await self._any_wanted.wait()
        self._any_wanted.clear()
        while self._wanted:
            channel, _ = self._wanted.popitem()
            await connection.execute(f"NOTIFY {channel}")
        await asyncio.sleep(self._pause_s)

    async def run_listener(self, wake_by_channel: Mapping[str, Callable[[], None]]) -> None:
        """Call what belongs to a channel at each wake-up until cancelled.

        All are called after each connection too: wake-ups may have been lost.
        """
        await self._repeat(partial(self._listen, wake_by_channel))

    @staticmethod
    async def _listen(wake_by_channel: Mapping[str, Callable[[], None]], connection: Any) -> None:
        for channel in wake_by_channel:
            await connection.execute(f"LISTEN {channel}")
        for wake in wake_by_channel.values():
            wake()
        async for notice in connection.notifies():
            wake_by_channel[notice.channel]()

    async def _repeat(self, work: Callable[[Any], Awaitable[None]]) -> None:
        """Repeat work on a connection; a new one after it was lost."""
        from psycopg import Error  # noqa: PLC0415 - see above

        while True:
            try:
                await self._repeat_on_one(work)
            except (Error, OSError) as error:
                log.warning("workers find new work by polling for now", reason=driver_message(error))
                await asyncio.sleep(self._retry_s)

    async def _repeat_on_one(self, work: Callable[[Any], Awaitable[None]]) -> None:
        from psycopg import AsyncConnection  # noqa: PLC0415 - see above

        parameters: dict[str, Any] = dict(connection_parameters(self._database_url))
        async with await AsyncConnection.connect(self._database_url, autocommit=True, **parameters) as connection:
            while True:
                await work(connection)
