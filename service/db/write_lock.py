"""Turns at the database, which takes so many at a time: whoever is in a hurry goes before all but one."""

import asyncio

from service.errors import Temporary


class Turns:
    """Turns are taken in the order of asking, but those in no hurry first wait to be the next of their kind.

    So an urgent one waits for the turn that is under way and one more at most, and the others get every second turn at
    least: nobody starves.
    """

    def __init__(self, wait_s: float, at_once: int = 1) -> None:
        self._wait_s = wait_s
        self._turns = asyncio.Semaphore(at_once)
        self._next = asyncio.Lock()

    async def take(self, *, is_urgent: bool = False) -> None:
        """Take a turn, to be given back. Raises Temporary when somebody ahead takes too long."""
        await (self._wait(self._turns) if is_urgent else self._wait_behind())

    def give_back(self) -> None:
        """Let the next one have the turn."""
        self._turns.release()

    async def _wait_behind(self) -> None:
        await self._wait(self._next)
        try:
            await self._wait(self._turns)
        finally:
            self._next.release()

    async def _wait(self, lock: asyncio.Lock | asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await lock.acquire()
        except TimeoutError as error:
            raise Temporary("the database cannot be used now: others are still waiting for it") from error
