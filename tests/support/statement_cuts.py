"""Cut the transactions of a process at one statement: its connection is lost there, or it is dead from there on."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from service.db.database import Store
from service.errors import Temporary


class Cut(StrEnum):
    """What happens at the statement.

    LOST       the connection is lost before it
    UNHEARD    of a commit: it is done, but its answer is lost; of any other statement the same as ``lost``
    DEAD       the process gets nothing done from then on
    """

    LOST = "lost"
    UNHEARD = "unheard"
    DEAD = "dead"


class Cuts:
    """Counts the statements and commits of a store's writer, and cuts one of them.

    at    the number of the one to cut, from 1; 0: none
    """

    def __init__(self, store: Store, kind: Cut, at: int) -> None:
        self.count = 0
        self.is_cut = asyncio.Event()
        self._kind, self._at = kind, at
        self._engine = store._engines[0]
        self._loop = asyncio.get_running_loop()

    @contextmanager
    def made(self) -> Iterator[None]:
        """Cut as long as the block runs."""
        listeners = {"before_cursor_execute": self._on_statement, "commit": self._on_commit}
        for name, listener in listeners.items():
            event.listen(self._engine, name, listener)
        yield
        for name, listener in listeners.items():
            event.remove(self._engine, name, listener)

    async def work_until(self, work: Awaitable[Any]) -> None:
        """Wait for work to end, or for the process to be dead."""
        with self.made(), suppress(Temporary):
            task, dead = asyncio.ensure_future(work), asyncio.create_task(self.is_cut.wait())
            if self._kind is not Cut.DEAD:
                dead.cancel()
            await asyncio.wait([task] if self._kind is not Cut.DEAD else [task, dead], return_when="FIRST_COMPLETED")
            dead.cancel()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _on_statement(self, connection: Connection, *_statement: object) -> None:
        self._pass(connection)

    def _on_commit(self, connection: Connection) -> None:
        self._pass(connection, is_commit=True)

    def _pass(self, connection: Connection, *, is_commit: bool = False) -> None:
        self.count += 1
        is_here = self.count == self._at or (self._kind is Cut.DEAD and 0 < self._at <= self.count)
        if not is_here:
            return
        driver: Any = connection.connection.driver_connection
        if is_commit and self._kind is Cut.UNHEARD:
            driver.commit()
        self._loop.call_soon_threadsafe(self.is_cut.set)
        if connection.dialect.name == "postgresql":
            driver.close()  # the statement finds it closed
            return
        lost = sqlite3.OperationalError("disk I/O error")
        lost.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise OperationalError("", {}, lost)
