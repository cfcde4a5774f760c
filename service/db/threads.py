"""TransactionThreads that run transactions, each from its beginning to its end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import TypeVar

from service.db.tables import Transaction
from service.db.write_lock import PrioritySemaphore

MAX_WAIT_S = 4.0  # for a thread; together with BUSY_TIMEOUT_MS it stays below the time that a webhook's sender waits

Result = TypeVar("Result")


class TransactionThreads:
    """Threads that run up to ``at_once`` transactions at a time; later ones wait.

    opened   opens a transaction, as the context manager of a connection
    """

    def __init__(self, opened: Callable[[], AbstractContextManager[Transaction]], at_once: int) -> None:
        self._opened = opened
        self._semaphore = PrioritySemaphore(MAX_WAIT_S, at_once)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="database")

    async def run(self, work: Callable[[Transaction], Result], *, is_urgent: bool = False) -> Result:
        """Run ``work`` in a transaction, and return its result after the end of it.

        Raises Temporary when no thread is free within ``MAX_WAIT_S``. A cancelled caller does not stop its transaction:
        the thread runs it to its end, and the semaphore is released only then.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        await self._semaphore.acquire(is_urgent=is_urgent)
        working = loop.run_in_executor(self._pool, context.run, self._transact, work)
        working.add_done_callback(lambda _: self._semaphore.release())
        return await asyncio.shield(working)

    def _transact(self, work: Callable[[Transaction], Result]) -> Result:
        with self._opened() as transaction:
            return work(transaction)

    async def close(self) -> None:
        """Wait for the running transactions, and accept no more."""
        await asyncio.to_thread(self._pool.shutdown)
