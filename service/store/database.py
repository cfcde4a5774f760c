"""The database itself: its engines, and what a transaction is on each of the two."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy import URL, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from service.errors import Temporary
from service.store.folder import database_file
from service.tables import Transaction

BUSY_TIMEOUT_MS = 3_500  # for another process to end its transaction
IN_LINE_S = 4.0  # for our own before us; together less than a sender is kept waiting
READERS = 4
CONNECTIONS = 10  # to Postgres, for each process, and as many again in a rush
STATEMENT_TIMEOUT_MS = 7_000


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

    On SQLite one connection writes and a few read beside it (WAL): whoever wants to write waits for the one.
    """

    def __init__(self, database_url: str) -> None:
        url = driver_url(database_url)
        self.file = database_file(database_url)
        self._listeners: list[Callable[[], None]] = []
        if self.file is None:
            self._writer = self._reader = _postgres(url)
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._writer = _sqlite(url, begin="BEGIN IMMEDIATE", connections=1)
        self._reader = _sqlite(url, begin="BEGIN", connections=READERS)

    def after_commit(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every commit: there may be something new to do."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Transaction]:
        """A transaction that is on disk when the block has ended, or gone when it raised.

        Raises Temporary when the database is away, locked, or its disk is full.
        """
        async with _translated("written"), self._writer.begin() as transaction:
            yield transaction
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


def _postgres(url: URL) -> AsyncEngine:
    """No statement may take longer than a sender's patience: the database is asked to end it by itself."""
    limits = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={BUSY_TIMEOUT_MS}"
    return create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=CONNECTIONS,
        pool_timeout=BUSY_TIMEOUT_MS / 1000,
        pool_pre_ping=True,  # a restarted server leaves dead connections behind
        connect_args={"options": limits, "connect_timeout": 5},
    )


def _sqlite(url: URL, *, begin: str, connections: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=connections, max_overflow=0, pool_timeout=IN_LINE_S)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: we say BEGIN ourselves, below
        cursor = connection.cursor()
        # FULL: a commit is on disk when it returns, also through a power cut; WAL alone promises less
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: object) -> None:
        connection.exec_driver_sql(begin)  # type: ignore[attr-defined]  # reason: the event's argument is untyped

    return engine
