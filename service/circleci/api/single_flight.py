"""Single flight: of several who ask the same at the same time, one asks and all get the answer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class SingleFlight:
    """Questions that are under way, by key."""

    def __init__(self) -> None:
        self._in_flight: dict[Hashable, asyncio.Task[Any]] = {}
        self._waiting: Counter[Hashable] = Counter()

    async def ask(self, key: Hashable, question: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the answer, or raise the error, of the question that is under way under this key.

        An asker that is cancelled leaves the question to the others; the last one takes it along.
        """
        task: asyncio.Task[T] | None = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(question())
            task.add_done_callback(_retrieve_exception)
        self._waiting[key] += 1
        try:
            await asyncio.wait({task})  # unlike ``await task``, an asker's cancellation does not reach the question
            return task.result()
        finally:
            self._leave(key, task)

    def _leave(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        self._waiting[key] -= 1
        if self._waiting[key]:
            return
        del self._waiting[key]
        task.cancel()  # does nothing to one that has ended
        if self._in_flight.get(key) is task:
            del self._in_flight[key]


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    """Take note of an error that no asker waits for any longer, lest asyncio report it as lost."""
    if not task.cancelled():
        task.exception()
