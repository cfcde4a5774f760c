"""The database itself: what a transaction is on each of the two, and how one is run."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.pool import PoolProxiedConnection

from service.clock import DatabaseClock
from service.errors import Temporary
from service.postgres import connecting
from service.store.folder import database_file
from service.store.threads import Threads
from service.tables import Transaction

BUSY_TIMEOUT_MS = 3_500  # for another process to end its transaction; our own before us have theirs, see Threads
READERS = 4
WRITERS = 8  # to Postgres, for each process
STATEMENT_TIMEOUT_MS = 7_000

# by SQLSTATE (PostgreSQL documentation, appendix A); without one it was no answer of the server's
TROUBLES: dict[str | None, str] = {
    None: "it cannot be reached",
    "25006": "it is read-only",
    "53100": "its disk is full",
    "55P03": "others are using what is needed",
    "57014": "it takes too long",
    **dict.fromkeys(("57P01", "57P02", "57P03"), "it is stopping or starting"),
}

Asked = ParamSpec("Asked")
Done = TypeVar("Done")


def driver_url(database_url: str) -> URL:
    """The address with the driver of our choice: the user names the database, never the driver."""
    url = make_url(database_url)
    return url.set(drivername="sqlite" if url.get_backend_name() == "sqlite" else "postgresql+psycopg")


class Store:
    """Where everything is kept. Functions that take a transaction, such as those of this package, are run within one.

    A transaction begins and ends in a thread, and nothing is awaited within it: it holds up others for no longer than
    the database itself takes. On SQLite one writes and a few read beside it (WAL).
    """

    def __init__(self, database_url: str, *, clock: DatabaseClock | None = None) -> None:
        self.clock = clock or DatabaseClock()  # on SQLite it has nothing to follow, and is this machine's
        self.file = database_file(database_url)
        self._listeners: list[Callable[[], None]] = []
        url = driver_url(database_url)
        if self.file is None:
            engine = _postgres(url)
            self._writers, self._readers = Threads(engine.begin, WRITERS), Threads(engine.connect, READERS)
            self._engines = [engine]
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        writer, reader = _sqlite(url, "BEGIN IMMEDIATE", 1), _sqlite(url, "BEGIN", READERS)
        self._writers, self._readers = Threads(writer.begin, 1), Threads(reader.connect, READERS)
        self._engines = [writer, reader]

    @property
    def is_shared(self) -> bool:
        """Processes on other machines may use the same database."""
        return self.file is None

    def after_commit(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every commit: there may be something new to do."""
        self._listeners.append(listener)

    async def write(
        self, work: Callable[Concatenate[Transaction, Asked], Done], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Done:
        """Run ``work`` within a transaction that is on disk when this returns, or gone when it raises.

        Raises Temporary when the database is away, locked, or its disk is full.
        """
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), is_urgent=False)

    async def write_first(
        self, work: Callable[Concatenate[Transaction, Asked], Done], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Done:
        """The same for a caller in a hurry: ahead of others who wait to write."""
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), is_urgent=True)

    async def _commit(self, work: Callable[[Transaction], Done], *, is_urgent: bool) -> Done:
        async with _translated("written"):
            done = await self._writers.run(work, is_urgent=is_urgent)
        for listener in self._listeners:
            listener()
        return done

    async def read(
        self, work: Callable[Concatenate[Transaction, Asked], Done], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Done:
        """Run ``work`` within a transaction that only looks. Raises Temporary when the database is away."""
        async with _translated("read"):
            return await self._readers.run(lambda transaction: work(transaction, *args, **kwargs))

    async def close(self) -> None:
        """Let every connection go; what is under way ends first."""
        for threads in (self._readers, self._writers):
            await threads.end()
        for engine in self._engines:
            engine.dispose()


@asynccontextmanager
async def _translated(verb: str) -> AsyncIterator[None]:
    try:
        yield
    except (IntegrityError, ProgrammingError, DataError):
        raise  # a bug of ours, not the database's trouble
    except DBAPIError as error:
        raise _trouble(f"the database cannot be {verb} now", error.orig) from error


def _trouble(sentence: str, error: object) -> Temporary:
    """What went wrong, in SQLite's words; Postgres' own name hosts and users, and so are for the log alone."""
    if isinstance(error, sqlite3.Error):
        return Temporary(f"{sentence}: {error}")
    state = getattr(error, "sqlstate", None)
    return Temporary(f"{sentence}: {TROUBLES.get(state, f'it answers {state}')}", inside=str(error))


def _postgres(url: URL) -> Engine:
    """No statement may take longer than a sender's patience: the database is asked to end it by itself.

    Its errors name no value, here and on SQLite: they are outside words, and go into the log and into reasons.
    """
    limits = {"statement_timeout": STATEMENT_TIMEOUT_MS, "lock_timeout": BUSY_TIMEOUT_MS}
    return create_engine(
        url,
        pool_size=READERS + WRITERS,
        pool_pre_ping=True,  # a restarted server leaves dead connections behind
        connect_args=connecting(**limits),
        hide_parameters=True,
    )


def _sqlite(url: URL, begin: str, connections: int) -> Engine:
    """An engine whose connections are set up for one that writes beside others that read."""
    engine = create_engine(url, pool_size=connections, hide_parameters=True)

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
