"""Turns at writing, for a database that takes one writer at a time: whoever is in a hurry goes before all but one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from service.errors import Temporary


class Turns:
    """Turns are taken in the order of asking, but those in no hurry first wait to be the next of their kind.

    So an urgent one waits for the turn that is under way and one more at most, and the others get every second turn at
    least: nobody starves.
    """

    def __init__(self, wait_s: float) -> None:
        self._wait_s = wait_s
        self._pen = asyncio.Lock()
        self._next = asyncio.Lock()

    @asynccontextmanager
    async def taken(self, *, is_urgent: bool = False) -> AsyncIterator[None]:
        """Hold the turn while the block runs. Raises Temporary when somebody ahead takes too long."""
        async with AsyncExitStack() as held:
            for lock in [self._pen] if is_urgent else [self._next, self._pen]:
                await self._wait(lock)
                held.callback(lock.release)
            yield

    async def _wait(self, lock: asyncio.Lock) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await lock.acquire()
        except TimeoutError as error:
            raise Temporary("the database cannot be written now: others are still waiting for it") from error
