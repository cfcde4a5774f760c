"""Answers that one look gives to all who ask."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")


class Cached(Generic[Found]):
    """A look at something scarce: one at a time, for all who ask, and its answer good for a moment.

    An error is an answer too. The look goes on where one who asked for it goes away.
    """

    def __init__(self, look: Callable[[], Awaitable[Found]], *, good_for_s: float) -> None:
        self._look = look
        self._good_for_s = good_for_s
        self._looking: asyncio.Task[Found] | None = None
        self._good_until = -math.inf

    async def __call__(self) -> Found:
        """Return what the latest look found. Raises what it raised."""
        is_over = self._looking is None or (self._looking.done() and self._now() >= self._good_until)
        if self._looking is None or is_over:
            self._looking = asyncio.create_task(self._take())
            self._looking.add_done_callback(_heard)
        return await asyncio.shield(self._looking)

    async def _take(self) -> Found:
        try:
            return await self._look()
        finally:
            self._good_until = self._now() + self._good_for_s

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _heard(looking: asyncio.Task[Found]) -> None:
    """Take note of an error without anyone left to hear it: the next one to ask hears of the next look."""
    if not looking.cancelled():
        looking.exception()
