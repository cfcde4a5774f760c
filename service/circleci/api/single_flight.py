"""Single flight: concurrent calls for the same key share one request."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class SingleFlight:
    """The requests under way, by key."""

    def __init__(self) -> None:
        self._in_flight: dict[Hashable, asyncio.Task[Any]] = {}
        self._waiting: Counter[Hashable] = Counter()

    async def run(self, key: Hashable, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return the result, or raise the error, of the request under way for this key.

        It is started if there is none. A caller that is cancelled leaves it to the others; it is cancelled with the
        last of them.
        """
        task: asyncio.Task[T] | None = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(request())
            task.add_done_callback(_retrieve_exception)
        self._waiting[key] += 1
        try:
            await asyncio.wait({task})  # unlike ``await task``, a caller's cancellation does not reach it
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
    """Retrieve an error that no caller waits for any longer.

    Otherwise asyncio would log it as never retrieved.
    """
    if not task.cancelled():
        task.exception()
