"""Slots for calls to CircleCI: as many at once as its rate limits have room for."""

import asyncio
from collections import deque
from types import TracebackType

AT_LEAST = 4
AT_MOST = 16


class CallSlots:
    """Slots, which callers get in the order of asking.

    There are ``AT_LEAST`` while CircleCI says nothing of its limits; up to ``AT_MOST`` while it says that as many calls
    a second are left to us. A refusal for too many calls halves the slots, and each other answer gives one back.
    """

    def __init__(self) -> None:
        self._limit = AT_LEAST
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self._taken < self._limit:  # no caller waits then
            self._taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the slot came together with the cancellation
                self._release()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._release()

    def note_answer(self, *, is_refusal: bool, calls_per_s: float | None) -> None:
        """Note an answer: a refusal of too many calls, or the room that is left.

        calls_per_s   what CircleCI's limits leave until their reset; None if it says nothing
        """
        if is_refusal:
            self._limit = max(1, self._limit // 2)
            return
        room = AT_LEAST if calls_per_s is None else min(AT_MOST, max(AT_LEAST, int(calls_per_s)))
        self._limit = min(self._limit + 1, room)
        self._hand_out()

    def _release(self) -> None:
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and self._taken < self._limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
