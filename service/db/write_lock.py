"""A priority semaphore: the order of transactions at the database."""

import asyncio

from service.errors import Temporary


class PrioritySemaphore:
    """A semaphore that urgent callers acquire ahead of the others, without starvation.

    Callers of one kind acquire it in the order of asking. Of the callers that are not urgent only one at a time waits
    at the semaphore itself; the rest wait behind it. So an urgent caller waits for the permit in use and one other
    caller at most, and the callers that are not urgent get every second permit at least.
    """

    def __init__(self, wait_s: float, at_once: int = 1) -> None:
        self._wait_s = wait_s
        self._semaphore = asyncio.Semaphore(at_once)
        self._next = asyncio.Lock()

    async def acquire(self, *, is_urgent: bool = False) -> None:
        """Acquire a permit. Raises Temporary when none is free within ``wait_s``."""
        await (self._acquire_within(self._semaphore) if is_urgent else self._acquire_behind())

    def release(self) -> None:
        """Release a permit to the next caller."""
        self._semaphore.release()

    async def _acquire_behind(self) -> None:
        await self._acquire_within(self._next)
        try:
            await self._acquire_within(self._semaphore)
        finally:
            self._next.release()

    async def _acquire_within(self, lock: asyncio.Lock | asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await lock.acquire()
        except TimeoutError as error:
            raise Temporary("the database cannot be used now: others are still waiting for it") from error
