"""Transactions that share a commit, for a database with one writer at a time.

A commit waits for the disk, and the disk takes as long for one transaction as for ten. So those that wait together
become one transaction, each within a savepoint of its own.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from service.db.tables import Transaction
from service.db.transactions import MAX_WAIT_S, Priority, planned_calls, too_late

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class SharingLimits:
    """Limits of a shared commit.

    parts     transactions that share it
    seconds   from the first that is not urgent on: no further one begins after that, so that the others need not wait
    """

    parts: int = 32
    seconds: float = 0.01


@dataclass(kw_only=True, eq=False)
class _Part:
    """A transaction that may share its commit with others, and its outcome.

    done   the result for the caller, set after the commit; cancelled when the caller is
    """

    work: Callable[[Transaction], Any]
    priority: Priority
    done: asyncio.Future[Any]
    context: Context = field(default_factory=copy_context)
    result: Any = None
    error: BaseException | None = None
    _has_begun: bool = False
    _is_withdrawn: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> bool:
        """Return whether to run the part: its caller has not withdrawn it."""
        with self._lock:
            self._has_begun = not self._is_withdrawn
            return self._has_begun

    def withdraw(self) -> bool:
        """Return whether the part has not begun; then it never will."""
        with self._lock:
            self._is_withdrawn = not self._has_begun
            return self._is_withdrawn

    def fail(self, error: BaseException) -> None:
        """Raise an error for the caller, unless it is answered or gone."""
        if not self.done.done():
            self.done.set_exception(error)

    def answer(self, failure: BaseException | None) -> None:
        """Hand the outcome to the caller: its own error, that of the whole, or the result."""
        if error := self.error or failure:
            self.fail(error)
        elif not self.done.done():
            self.done.set_result(self.result)


class SharedCommits:
    """A thread that runs the transactions that wait together, and commits them once.

    The urgent ones come first. One that runs alone takes turns with the others. An error undoes the part
    of its caller alone, unless it has ended the whole transaction: then every caller gets it.

    open_transaction   returns a context manager, such as a connection's, that begins and ends one
    wait_s             the longest wait for a transaction to begin
    """

    def __init__(
        self,
        open_transaction: Callable[[], AbstractContextManager[Transaction]],
        *,
        wait_s: float = MAX_WAIT_S,
        limits: SharingLimits | None = None,
    ) -> None:
        self._open_transaction = open_transaction
        self._wait_s = wait_s
        self._limits = limits or SharingLimits()
        self._waiting: dict[Priority, deque[_Part]] = {priority: deque() for priority in Priority}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._is_busy = self._is_closed = self._is_alone_next = False

    @property
    def is_awaited(self) -> bool:
        """Return whether an urgent transaction waits; may be asked in any thread."""
        return bool(self._waiting[Priority.URGENT])

    async def run(self, work: Callable[[Transaction], Result], priority: Priority = Priority.NORMAL) -> Result:
        """Run ``work`` in a transaction, and return its result after the commit.

        Raises Temporary when it does not begin within ``wait_s``. A cancelled caller does not stop work that has begun.
        """
        if self._is_closed:
            raise RuntimeError("the database is closed")
        loop = asyncio.get_running_loop()
        part = _Part(work=work, priority=priority, done=loop.create_future())
        self._waiting[priority].append(part)
        self._begin_soon()
        timer = loop.call_later(self._wait_s, self._give_up, part)
        try:
            result: Result = await part.done
            return result
        finally:
            timer.cancel()
            part.withdraw()

    def _give_up(self, part: _Part) -> None:
        if part.withdraw():
            part.fail(too_late())

    def _begin_soon(self) -> None:
        """Begin after the callbacks that are ready: more callers may come to wait."""
        if not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        if self._is_closed:
            self._fail_waiting()
        parts = self._next_parts()
        self._is_busy = bool(parts)
        if parts:
            running = asyncio.get_running_loop().run_in_executor(self._pool, self._transact, parts)
            running.add_done_callback(lambda ended: self._end(parts, ended))

    def _next_parts(self) -> Sequence[_Part]:
        """Remove and return the next parts to run; drop those of gone callers."""
        for priority, parts in self._waiting.items():
            self._waiting[priority] = deque(part for part in parts if not part.done.done())
        urgent, normal, alone = (self._waiting[priority] for priority in Priority)
        if alone and (self._is_alone_next or not (urgent or normal)):
            self._is_alone_next = False
            return [alone.popleft()]
        self._is_alone_next = bool(alone)
        count = min(self._limits.parts, len(urgent) + len(normal))
        return [(urgent or normal).popleft() for _ in range(count)]

    def _transact(self, parts: Sequence[_Part]) -> int:
        """Run parts in one transaction and commit it; return the number that were run."""
        began, count = None, 0
        with self._open_transaction() as transaction:
            planned_calls(transaction).clear()
            for part in parts:
                if began is not None and monotonic() - began > self._limits.seconds:
                    break
                if began is None and part.priority is not Priority.URGENT:
                    began = monotonic()
                if part.begin():
                    part.context.run(_run if len(parts) > 1 else _run_alone, transaction, part)
                count += 1
            calls = list(planned_calls(transaction))
        for call in calls:
            call()
        return count

    def _end(self, parts: Sequence[_Part], ended: asyncio.Future[int]) -> None:
        """Answer the callers of the parts that were run; the others wait again."""
        failure = ended.exception()
        count = len(parts) if failure else ended.result()
        for part in parts[:count]:
            part.answer(failure)
        for part in reversed(parts[count:]):
            self._waiting[part.priority].appendleft(part)
        self._begin()

    async def close(self) -> None:
        """Wait for the running transaction, and accept no more."""
        self._is_closed = True
        self._fail_waiting()
        await asyncio.to_thread(self._pool.shutdown)

    def _fail_waiting(self) -> None:
        for parts in self._waiting.values():
            for part in parts:
                part.fail(RuntimeError("the database is closed"))


def _run_alone(transaction: Transaction, part: _Part) -> None:
    part.result = part.work(transaction)


def _run(transaction: Transaction, part: _Part) -> None:
    """Run a part in a savepoint. Raises an error that has ended the whole transaction.

    The savepoint is the driver's own: SQLAlchemy takes a hundred times as long for one, which is a tenth of a part.
    """
    cursor, calls = transaction.connection.cursor(), planned_calls(transaction)
    cursor.execute("SAVEPOINT part")
    earlier_calls = dict(calls)
    try:
        part.result = part.work(transaction)
    except BaseException as error:  # raised to its caller
        part.error = error
        if not _is_open(transaction):
            raise
        transaction.exec_driver_sql("ROLLBACK TO part")
        calls.clear()
        calls.update(earlier_calls)
    cursor.execute("RELEASE part")


def _is_open(transaction: Transaction) -> bool:
    """Return whether the transaction goes on: some errors make SQLite end it."""
    connection = transaction.connection.driver_connection
    return connection is not None and bool(connection.in_transaction)
