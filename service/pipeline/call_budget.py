"""The budget of calls to CircleCI for what waits for no person."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

WINDOW_S = 60.0
ROOM_EVERY_S = 5.0  # after which it is looked again whether CircleCI's limits leave room
MAX_WAITS = 24


class BudgetSpent(Exception):
    """No call is left for now, or CircleCI's limits leave none for this."""


class CallBudget(Protocol):
    """A budget of calls.

    A protocol because a periodic step ends when it is spent, and a command waits.
    """

    async def take(self) -> None:
        """Take a call; may raise BudgetSpent."""
        ...


class StepBudget:
    """The calls of one periodic step: no more than so many, and none without room."""

    def __init__(self, calls: int, *, has_room: Callable[[], bool]) -> None:
        self.left = calls
        self._has_room = has_room

    async def take(self) -> None:
        """Take a call; raises BudgetSpent."""
        if self.left <= 0 or not self._has_room():
            raise BudgetSpent
        self.left -= 1


class PacedBudget:
    """The calls of a long piece of work: so many in a minute, which it waits for."""

    def __init__(
        self,
        per_minute: int,
        *,
        has_room: Callable[[], bool],
        time: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._per_minute, self._has_room = per_minute, has_room
        self._time, self._sleep = time, sleep
        self._taken: deque[float] = deque()

    async def take(self) -> None:
        """Wait for a call that is left, and take it."""
        for _ in range(MAX_WAITS):  # then a call finds out whether CircleCI is back
            if self._has_room():
                break
            await self._sleep(ROOM_EVERY_S)
        if len(self._taken) >= self._per_minute:
            await self._sleep(max(0.0, self._taken.popleft() + WINDOW_S - self._time()))
        self._taken.append(self._time())
