"""Threads that run transactions, each from its beginning to its end."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import TypeVar

from service.db.tables import Transaction
from service.db.write_lock import Turns

IN_LINE_S = 4.0  # for others before us; with what the database itself may take, less than a sender is kept waiting

Done = TypeVar("Done")


class Threads:
    """So many transactions at once, opened by ``opened``; one that comes later waits for a turn."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Transaction]], at_once: int) -> None:
        self._opened = opened
        self._turns = Turns(IN_LINE_S, at_once)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="database")

    async def run(self, work: Callable[[Transaction], Done], *, is_urgent: bool = False) -> Done:
        """What ``work`` returns, once its transaction has ended. Raises Temporary when no turn is to be had in time.

        Whoever is cancelled meanwhile leaves it to its thread: it ends as it would have, and so long the turn is taken.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        await self._turns.take(is_urgent=is_urgent)
        working = loop.run_in_executor(self._pool, context.run, self._transact, work)
        working.add_done_callback(lambda _: self._turns.give_back())
        return await asyncio.shield(working)

    def _transact(self, work: Callable[[Transaction], Done]) -> Done:
        with self._opened() as transaction:
            return work(transaction)

    async def end(self) -> None:
        """Let what is under way end, and begin nothing more."""
        await asyncio.to_thread(self._pool.shutdown)
