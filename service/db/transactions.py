"""Threads that run transactions, and the semaphore that orders them."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from enum import Enum, auto
from typing import TypeVar

from service.db.tables import Transaction
from service.errors import Temporary

MAX_WAIT_S = 4.0
"""The longest wait for a thread by default.

Together with ``BUSY_TIMEOUT_MS`` it stays below the time that a webhook's sender waits.
"""

_CALLS = "calls after the commit"
DUE = "announces due deliveries"
"""Key in a connection's ``info``: the callback after a commit that made a delivery due."""

Result = TypeVar("Result")


class Priority(Enum):
    """The order in which waiting transactions run.

    URGENT   ahead of the others
    ALONE    with a commit of its own: it takes long, and no other should wait for its end
    """

    URGENT = auto()
    NORMAL = auto()
    ALONE = auto()


def call_after_commit(transaction: Transaction, call: Callable[[], None]) -> None:
    """Call something once, in the transaction's thread, after its commit."""
    planned_calls(transaction)[call] = None


def planned_calls(transaction: Transaction) -> dict[Callable[[], None], None]:
    """Return what is to be called after the commit, in order.

    It belongs to the connection: a transaction begins with clearing it.
    """
    calls: dict[Callable[[], None], None] = transaction.info.setdefault(_CALLS, {})
    return calls


def announce_due(transaction: Transaction) -> None:
    """Tell the workers of this process after the commit that a delivery is due."""
    if (announce := transaction.info.get(DUE)) is not None:
        call_after_commit(transaction, announce)


def too_late() -> Temporary:
    """Return the error for a transaction that has waited too long to begin."""
    return Temporary("the database cannot be used now: other work of this process has not ended")


class PrioritySemaphore:
    """A semaphore that urgent callers acquire ahead of the others, without starvation.

    Callers of one kind acquire it in the order of asking. Of the callers that are not urgent only one at a time waits
    at the semaphore itself; the rest wait behind it. So an urgent caller waits for the permit in use and one other
    caller at most, and the callers that are not urgent get every second permit at least.
    """

    def __init__(self, wait_s: float, at_once: int = 1) -> None:
        self._wait_s = wait_s
        self._semaphore = asyncio.Semaphore(at_once)
        self._next = asyncio.Lock()

    async def acquire(self, *, is_urgent: bool = False) -> None:
        """Acquire a permit. Raises Temporary when none is free within ``wait_s``."""
        await (self._acquire_within(self._semaphore) if is_urgent else self._acquire_behind())

    def release(self) -> None:
        """Release a permit to the next caller."""
        self._semaphore.release()

    async def _acquire_behind(self) -> None:
        await self._acquire_within(self._next)
        try:
            await self._acquire_within(self._semaphore)
        finally:
            self._next.release()

    async def _acquire_within(self, lock: asyncio.Lock | asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await lock.acquire()
        except TimeoutError as error:
            raise too_late() from error


class TransactionThreads:
    """Threads that run up to ``at_once`` transactions at a time; later ones wait.

    open_transaction   returns a context manager, such as a connection's, that begins and ends one
    wait_s             the longest wait for a thread
    """

    def __init__(
        self,
        open_transaction: Callable[[], AbstractContextManager[Transaction]],
        at_once: int,
        *,
        wait_s: float = MAX_WAIT_S,
    ) -> None:
        self._open_transaction = open_transaction
        self._semaphore = PrioritySemaphore(wait_s, at_once)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="database")

    @property
    def is_awaited(self) -> bool:
        """Return False: no transaction waits for the end of a certain other."""
        return False

    async def run(self, work: Callable[[Transaction], Result], priority: Priority = Priority.NORMAL) -> Result:
        """Run ``work`` in a transaction, and return its result after the end of it.

        Raises Temporary when no thread is free within ``wait_s``. A cancelled caller does not stop its transaction:
        the thread runs it to its end, and the semaphore is released only then.
        """
        loop, context = asyncio.get_running_loop(), copy_context()
        await self._semaphore.acquire(is_urgent=priority is Priority.URGENT)
        working = loop.run_in_executor(self._pool, context.run, self._transact, work)
        working.add_done_callback(lambda _: self._semaphore.release())
        return await asyncio.shield(working)

    def _transact(self, work: Callable[[Transaction], Result]) -> Result:
        with self._open_transaction() as transaction:
            planned_calls(transaction).clear()
            done = work(transaction)
            calls = list(planned_calls(transaction))
        for call in calls:
            call()
        return done

    async def close(self) -> None:
        """Wait for the running transactions, and accept no more."""
        await asyncio.to_thread(self._pool.shutdown)
