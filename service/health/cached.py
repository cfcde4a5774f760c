"""Cache the result of a query; concurrent callers share one run."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Cached(Generic[Result]):
    """A query that runs once at a time; its result is valid for ``cache_for_s``.

    An error is cached too. A run continues when a caller is cancelled.
    """

    def __init__(self, query: Callable[[], Awaitable[Result]], *, cache_for_s: float) -> None:
        self._query = query
        self._cache_for_s = cache_for_s
        self._task: asyncio.Task[Result] | None = None
        self._cached_until = -math.inf

    async def __call__(self) -> Result:
        """Return the result of the latest run, or raise its error."""
        is_expired = self._task is None or (self._task.done() and self._now() >= self._cached_until)
        if self._task is None or is_expired:
            self._task = asyncio.create_task(self._run())
            self._task.add_done_callback(_retrieve_exception)
        return await asyncio.shield(self._task)

    async def _run(self) -> Result:
        try:
            return await self._query()
        finally:
            self._cached_until = self._now() + self._cache_for_s

    def _now(self) -> float:
        return asyncio.get_running_loop().time()


def _retrieve_exception(task: asyncio.Task[Result]) -> None:
    """Mark the exception as retrieved, because all callers may have been cancelled."""
    if not task.cancelled():
        task.exception()
