"""The budget of calls to CircleCI for what waits for no person.

The calls of a minute are counted in the database: the timer of the service and a command that runs beside it take them
from the same ones.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from service.db.database import Store
from service.errors import Temporary
from service.store.circleci import call_budgets

NAME = "reconcile"
MINUTE_S = 60.0
ROOM_EVERY_S = 5.0  # after which it is looked again whether CircleCI's limits leave room
MAX_WAITS = 24
TIMER_PART = 3  # a third of the calls is left to the timer: fresh runs are told, old ones are not


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
    """The calls of one periodic step: what is left of a minute, and none without room.

    left   no more calls than that, also if other processes take none
    """

    def __init__(
        self, store: Store, calls: int, *, clock: Callable[[], datetime], has_room: Callable[[], bool]
    ) -> None:
        self.left = self._calls = calls
        self._store, self._clock, self._has_room = store, clock, has_room

    async def take(self) -> None:
        """Take a call; raises BudgetSpent."""
        if self.left <= 0 or not self._has_room():
            raise BudgetSpent
        self.left -= 1
        if not await self._store.write(call_budgets.take, NAME, now=self._clock(), limit=self._calls):
            raise BudgetSpent


class PacedBudget:
    """The calls of a long piece of work: so many in a minute, which it waits for.

    per_minute   the calls of all together, of which it leaves a part to the timer
    time         measures how long ago the last call was, in seconds
    """

    def __init__(  # noqa: PLR0913 - each is one thing that a test replaces
        self,
        store: Store,
        per_minute: int,
        *,
        clock: Callable[[], datetime],
        has_room: Callable[[], bool],
        time: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store, self._clock, self._has_room, self._time, self._sleep = store, clock, has_room, time, sleep
        self._share = per_minute - per_minute // TIMER_PART
        self._taken: deque[float] = deque()

    async def take(self) -> None:
        """Wait for a call that is left, and take it; raises Temporary if none is for long."""
        for _ in range(MAX_WAITS):  # then a call finds out whether CircleCI is back
            if self._has_room():
                break
            await self._sleep(ROOM_EVERY_S)
        if len(self._taken) >= self._share:  # in any minute, not only in those of the clock
            await self._sleep(max(0.0, self._taken.popleft() + MINUTE_S - self._time()))
        for _ in range(MAX_WAITS):
            now = self._clock()
            if await self._store.write(call_budgets.take, NAME, now=now, limit=self._share):
                self._taken.append(self._time())
                return
            await self._sleep(MINUTE_S - now.timestamp() % MINUTE_S)
        raise Temporary("others take all calls of each minute (ROUNDSMAN_RECONCILE_CALLS)")
