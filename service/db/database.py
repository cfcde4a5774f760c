"""The database itself: what a transaction is on each of the two, and how one is run."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection

from service.clock import DatabaseClock
from service.db.data_folder import database_file
from service.db.errors import translate_error
from service.db.postgres import connection_parameters
from service.db.tables import Transaction
from service.db.threads import TransactionThreads
from service.text import clean

BUSY_TIMEOUT_MS = 3_500  # for a lock of another process; waits within this process: threads.MAX_WAIT_S
READERS = 4
WRITERS = 8  # to Postgres, for each process
STATEMENT_TIMEOUT_MS = 7_000
MAX_JOURNAL_BYTES = 64 * 2**20  # of the write-ahead log, once what made it grow is gone

Asked = ParamSpec("Asked")
Done = TypeVar("Done")


def make_engine(database_url: str, **options: Any) -> Engine:
    """Return an engine on a database: the user names the database, never the driver.

    Its errors name no value: values are outside words, and errors go into the log and into reasons.
    """
    if database_file(database_url) is not None:
        return _clean_texts(create_engine(database_url, hide_parameters=True, **options))
    options = {"connect_args": connection_parameters(database_url)} | options
    engine = _clean_texts(create_engine("postgresql+psycopg://", hide_parameters=True, **options))

    @event.listens_for(engine, "do_connect")
    def name_the_database(_dialect: object, _record: object, arguments: list[str], _named: object) -> None:
        arguments[:] = [database_url]  # as written: several hosts, sslmode and all else is understood by libpq alone

    return engine


def _clean_texts(engine: Engine) -> Engine:
    """Let no text into a statement that a database cannot store: the last door, behind those where text comes in."""

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def clean_texts(
        _connection: object, _cursor: object, statement: str, parameters: Any, *_context: object
    ) -> tuple[str, Any]:
        return statement, _cleaned(parameters)

    return engine


def _cleaned(parameters: Any) -> Any:
    match parameters:
        case str():
            return clean(parameters)
        case dict():
            return {name: _cleaned(value) for name, value in parameters.items()}
        case tuple():
            return tuple(map(_cleaned, parameters))
        case list():
            return [_cleaned(one) for one in parameters]
        case _:
            return parameters


class Store:
    """Where everything is kept. Functions that take a transaction, such as those of this package, are run within one.

    A transaction begins and ends in a thread, and nothing is awaited within it: it holds up others for no longer than
    the database itself takes. On SQLite one writes and a few read beside it (WAL).
    """

    def __init__(self, database_url: str, *, clock: DatabaseClock | None = None) -> None:
        self.clock = clock or DatabaseClock()  # on SQLite it has nothing to follow, and is this machine's
        self.file = database_file(database_url)
        self._listeners: list[Callable[[], None]] = []
        if self.file is None:
            engine = _postgres(database_url)
            self._writers = TransactionThreads(engine.begin, WRITERS)
            self._readers = TransactionThreads(engine.connect, READERS)
            self._engines = [engine]
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        writer, reader = _sqlite(database_url, "BEGIN IMMEDIATE", 1), _sqlite(database_url, "BEGIN", READERS)
        self._writers, self._readers = TransactionThreads(writer.begin, 1), TransactionThreads(reader.connect, READERS)
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

        Raises Temporary when the database is away, locked, read-only, or its disk is full; what the content may have
        caused is raised as the library raises it.
        """
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), is_urgent=False)

    async def write_first(
        self, work: Callable[Concatenate[Transaction, Asked], Done], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Done:
        """The same for a caller in a hurry: ahead of others who wait to write."""
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), is_urgent=True)

    async def _commit(self, work: Callable[[Transaction], Done], *, is_urgent: bool) -> Done:
        async with _translated_errors("written"):
            done = await self._writers.run(work, is_urgent=is_urgent)
        for listener in self._listeners:
            listener()
        return done

    async def read(
        self, work: Callable[Concatenate[Transaction, Asked], Done], *args: Asked.args, **kwargs: Asked.kwargs
    ) -> Done:
        """Run ``work`` within a transaction that only looks. Raises Temporary when the database is away."""
        async with _translated_errors("read"):
            return await self._readers.run(lambda transaction: work(transaction, *args, **kwargs))

    async def close(self) -> None:
        """Let every connection go; what is under way ends first."""
        for threads in (self._readers, self._writers):
            await threads.close()
        for engine in self._engines:
            engine.dispose()


@asynccontextmanager
async def _translated_errors(verb: str) -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        trouble = translate_error(f"the database cannot be {verb} now", error)
        if trouble is None:
            raise
        raise trouble from error


def _postgres(database_url: str) -> Engine:
    """No statement may take longer than a sender's patience: the database is asked to end it by itself."""
    limits = {"statement_timeout": STATEMENT_TIMEOUT_MS, "lock_timeout": BUSY_TIMEOUT_MS}
    return make_engine(
        database_url,
        pool_size=READERS + WRITERS,
        pool_pre_ping=True,  # a restarted server leaves dead connections behind
        connect_args=connection_parameters(database_url, **limits),
    )


def _sqlite(database_url: str, begin: str, connections: int) -> Engine:
    """An engine whose connections are set up for one that writes beside others that read."""
    engine = make_engine(database_url, pool_size=connections)

    @event.listens_for(engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: we say BEGIN ourselves, below
        cursor = connection.cursor()
        # FULL: a commit is on disk when it returns, also through a power cut; WAL alone promises less
        settings = {"journal_mode": "WAL", "synchronous": "FULL", "busy_timeout": BUSY_TIMEOUT_MS}
        for name, value in {**settings, "journal_size_limit": MAX_JOURNAL_BYTES}.items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def start(connection: object) -> None:
        connection.exec_driver_sql(begin)  # type: ignore[attr-defined]  # reason: the event's argument is untyped

    return engine
