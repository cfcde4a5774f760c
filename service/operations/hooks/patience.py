"""Waits that CircleCI asks for, while many projects are read."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from service.errors import Temporary

MAX_WAIT_S = 60.0
MAX_WAITS = 3  # for one question
ALL_WAITS_S = 300.0

T = TypeVar("T")


class Patience:
    """The time that reads may wait together: they change nothing, so may be repeated."""

    def __init__(
        self, total_s: float = ALL_WAITS_S, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._left_s = total_s
        self._sleep = sleep

    async def read(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer to a question, asked again after a wait that CircleCI names.

        Raises Temporary if it names none, or one that is too long, and what the question raises.
        """
        for _ in range(MAX_WAITS):
            try:
                return await ask()
            except Temporary as error:
                wait_s = error.retry_after_s
                if wait_s is None or wait_s > min(MAX_WAIT_S, self._left_s):
                    raise
                self._left_s -= wait_s
            await self._sleep(wait_s)
        return await ask()
