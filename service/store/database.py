"""The database itself: its engines, and what a transaction is on each of the two."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from service.errors import Temporary
from service.store.folder import database_file
from service.store.turns import Turns
from service.tables import ThreadTransaction, Transaction

BUSY_TIMEOUT_MS = 3_500  # for another process to end its transaction
IN_LINE_S = 4.0  # for our own before us; together less than a sender is kept waiting
READERS = 4
CONNECTIONS = 10  # to Postgres, for each process, and as many again in a rush
STATEMENT_TIMEOUT_MS = 7_000

Done = TypeVar("Done")


def driver_url(database_url: str) -> URL:
    """The address with the driver of our choice: the user names the database, never the driver."""
    url = make_url(database_url)
    return url.set(drivername="sqlite+aiosqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")


def sync_url(database_url: str) -> URL:
    """The same address for migrations, which run one after the other and need no event loop."""
    url = make_url(database_url)
    return url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")


class Store:
    """Where everything is kept. ``writing`` and ``reading`` give a transaction; the functions of this package use it.

    On SQLite one transaction writes and a few read beside it (WAL): whoever wants to write waits for its turn.
    """

    def __init__(self, database_url: str) -> None:
        url = driver_url(database_url)
        self.file = database_file(database_url)
        self._listeners: list[Callable[[], None]] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="database")
        self._turns = Turns(IN_LINE_S) if self.file else None
        if self.file is None:
            self._writer = self._reader = create_async_engine(url, **_on_postgres(CONNECTIONS))
            self._threads_own = create_engine(url, **_on_postgres(1))
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _sqlite(url, begin="BEGIN IMMEDIATE", connections=1)
        self._reader = _sqlite(url, begin="BEGIN", connections=READERS)
        self._threads_own = _prepared(create_engine(sync_url(database_url), pool_size=1), begin="BEGIN IMMEDIATE")

    def after_commit(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every commit: there may be something new to do."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that is on disk when the block has ended, or gone when it raised.

        Raises Temporary when the database is away, locked, or its disk is full.
        """
        async with _translated("written"), self._turn(), self._writer.begin() as transaction:
            yield transaction
        self._committed()

    async def in_one_go(self, work: Callable[[ThreadTransaction], Done]) -> Done:
        """The same for who is in a hurry: a whole transaction in a thread, ahead of others who wait to write.

        A statement that is awaited comes back only when the event loop has gone round, and in a rush that is long.
        """
        async with _translated("written"), self._turn(is_urgent=True):
            done = await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)
        self._committed()
        return done

    def _transact(self, work: Callable[[ThreadTransaction], Done]) -> Done:
        with self._threads_own.begin() as transaction:
            return work(transaction)

    def _turn(self, *, is_urgent: bool = False) -> AbstractAsyncContextManager[None]:
        return self._turns.taken(is_urgent=is_urgent) if self._turns else nullcontext()

    def _committed(self) -> None:
        for listener in self._listeners:
            listener()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A transaction that only looks. Raises Temporary when the database is away."""
        async with _translated("read"), self._reader.connect() as transaction:
            yield transaction

    async def close(self) -> None:
        """Let every connection go."""
        await self._reader.dispose()
        await self._writer.dispose()
        await asyncio.to_thread(self._thread.shutdown)  # what is under way there ends first
        self._threads_own.dispose()


@asynccontextmanager
async def _translated(verb: str) -> AsyncIterator[None]:
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise  # a bug of ours, not the database's trouble
    except DBAPIError as error:
        raise Temporary(f"the database cannot be {verb} now: {error.orig}") from error
    except PoolTimeout as error:
        raise Temporary(f"the database cannot be {verb} now: others are still waiting for it") from error


def _on_postgres(connections: int) -> dict[str, Any]:
    """No statement may take longer than a sender's patience: the database is asked to end it by itself."""
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={BUSY_TIMEOUT_MS}"
    return {
        "pool_size": connections,
        "max_overflow": connections,
        "pool_timeout": BUSY_TIMEOUT_MS / 1000,
        "pool_pre_ping": True,  # a restarted server leaves dead connections behind
        "connect_args": {"options": limits, "connect_timeout": 5},
    }


def _sqlite(url: URL, *, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=connections, max_overflow=0, pool_timeout=IN_LINE_S)
    _prepared(engine.sync_engine, begin=begin)
    return engine


def _prepared(engine: Engine, *, begin: str) -> Engine:
    """The engine, its SQLite connections set up for writing beside others."""

    @event.listens_for(engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: we say BEGIN ourselves, below
        cursor = connection.cursor()
        # FULL: a commit is on disk when it returns, also through a power cut; WAL alone promises less
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: object) -> None:
        connection.exec_driver_sql(begin)  # type: ignore[attr-defined]  # reason: the event's argument is untyped

    return engine
