"""The database: engines for SQLite and Postgres, and transactions on them."""

import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPICursor, ExecutionContext
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from service.clock import DatabaseClock
from service.db.data_folder import database_file
from service.db.errors import is_busy, translate_error
from service.db.pings import ping_rarely
from service.db.postgres import connection_parameters
from service.db.server_clock import follow_server_clock
from service.db.shared_commits import SharedCommits, SharingLimits
from service.db.tables import Transaction
from service.db.transactions import DUE, MAX_WAIT_S, Priority, TransactionThreads
from service.text import clean

BUSY_TIMEOUT_MS = 3_500  # for a lock of another process; waits within this process: transactions.MAX_WAIT_S
WAL_RETRY_S = 0.02
READERS = 4
WRITERS = 8  # to Postgres, for each process
STATEMENT_TIMEOUT_MS = 7_000
MAX_JOURNAL_BYTES = 64 * 2**20  # the write-ahead log is cut to this after a checkpoint

READER_SETTINGS = {
    "enable_seqscan": "off",  # the planner cannot know how few events have two terms of which each is common
    "plan_cache_mode": "force_custom_plan",  # nor how common a term is, in a plan for all of them
    "jit": "off",  # to compile a statement takes longer than to run it
}

Params = ParamSpec("Params")
Result = TypeVar("Result")


def make_engine(database_url: str, **options: Any) -> Engine:
    """Return an engine for a database; the address names no driver.

    Its errors contain no values: those come from outside, and errors go into the log and into reasons.
    """
    if database_file(database_url) is not None:
        return _clean_texts(create_engine(database_url, hide_parameters=True, **options))
    options = {"connect_args": connection_parameters(database_url)} | options
    engine = _clean_texts(create_engine("postgresql+psycopg://", hide_parameters=True, **options))

    @event.listens_for(engine, "do_connect")
    def pass_address(_dialect: object, _record: object, arguments: list[str], _named: object) -> None:
        arguments[:] = [database_url]  # unchanged: only libpq understands several hosts, sslmode and the rest

    return engine


def _clean_texts(engine: Engine) -> Engine:
    """Clean every text parameter of the engine's statements, and return the engine.

    The last check, after those at the inputs: no statement carries a text that a database cannot store. It is made by
    the dialect: an engine with listeners of its own takes half as long again for each statement.
    """
    dialect = engine.dialect

    @event.listens_for(engine, "do_execute")
    def execute(cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:
        dialect.do_execute(cursor, statement, _clean(parameters), context)
        return True

    @event.listens_for(engine, "do_executemany")
    def execute_many(cursor: DBAPICursor, statement: str, parameters: Any, context: ExecutionContext) -> bool:
        dialect.do_executemany(cursor, statement, _clean(parameters), context)
        return True

    return engine


def _clean(parameters: Any) -> Any:
    if isinstance(parameters, dict):
        return dict(zip(parameters, _clean_each(parameters.values()), strict=True))
    if isinstance(parameters, tuple):
        return tuple(_clean_each(parameters))
    if isinstance(parameters, list):
        return _clean_each(parameters)
    return clean(parameters) if isinstance(parameters, str) else parameters


_PLAIN = frozenset({bool, bytes, datetime, float, int, type(None), UUID})
"""Types without a text in them: to look a value's own type up takes half as long as to ask for its class."""


def _clean_each(values: Iterable[Any]) -> list[Any]:
    return [clean(one) if (kind := type(one)) is str else one if kind in _PLAIN else _clean(one) for one in values]


class Store:
    """The database's connections: runs functions that take a transaction.

    A transaction begins and ends in a thread, and nothing is awaited within it: it blocks others for no longer than
    the database itself takes. On SQLite one transaction writes while up to ``READERS`` read (WAL), and those that wait
    for it together share a commit.

    max_wait_s   for a transaction to begin
    """

    def __init__(
        self,
        database_url: str,
        *,
        clock: DatabaseClock | None = None,
        max_wait_s: float = MAX_WAIT_S,
        sharing: SharingLimits | None = None,
    ) -> None:
        self.clock = clock or DatabaseClock()  # without readings, as on SQLite, it is this machine's clock
        self.file = database_file(database_url)
        self._listeners: list[Callable[[], None]] = []
        self._due_listeners: list[Callable[[], None]] = []
        if self.file is None:
            writer = _postgres(database_url, self.clock, WRITERS)
            self._writers: SharedCommits | TransactionThreads = TransactionThreads(
                writer.begin, WRITERS, wait_s=max_wait_s
            )
            intake = _postgres(database_url, self.clock, 1, isolation_level="AUTOCOMMIT")
            self._intake: SharedCommits | TransactionThreads = TransactionThreads(intake.connect, 1, wait_s=max_wait_s)
            reader = _postgres(database_url, self.clock, READERS, READER_SETTINGS, isolation_level="AUTOCOMMIT")
            self._begin_snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        else:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            writer = _sqlite(database_url, 1, begin="BEGIN IMMEDIATE")
            self._writers = self._intake = SharedCommits(writer.begin, wait_s=max_wait_s, limits=sharing)
            intake = writer
            reader = _sqlite(database_url, READERS)
            self._begin_snapshot = "BEGIN"
        self._readers = TransactionThreads(reader.connect, READERS, wait_s=max_wait_s)
        self._engines = [writer, intake, reader]
        for engine in {writer, intake}:

            @event.listens_for(engine, "connect")
            def prepare(_connection: object, record: ConnectionPoolEntry) -> None:
                record.info[DUE] = self._announce_due

    @property
    def is_shared(self) -> bool:
        """Return whether processes on other machines may use the same database."""
        return self.file is None

    @property
    def is_awaited(self) -> bool:
        """Return whether an urgent transaction waits for the end of the one that runs."""
        return self._writers.is_awaited

    def after_commit(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every commit of this process."""
        self._listeners.append(listener)

    def on_due(self, listener: Callable[[], None]) -> None:
        """Call ``listener``, in any thread, after commits by which a delivery is due."""
        self._due_listeners.append(listener)

    def _announce_due(self) -> None:
        for listener in self._due_listeners:
            listener()

    async def write(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work`` in a transaction: committed on return, rolled back on an error.

        Raises Temporary when the database is away, locked, read-only, or its disk is full; an error that the values may
        have caused is raised as the library raises it.
        """
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), Priority.NORMAL)

    async def write_first(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work`` as ``write`` does, ahead of other transactions that wait."""
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), Priority.URGENT)

    async def write_alone(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work``, which takes long, as ``write`` does, in a commit of its own."""
        return await self._commit(lambda transaction: work(transaction, *args, **kwargs), Priority.ALONE)

    async def write_statement(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work`` as ``write_first`` does; on Postgres it is one statement.

        There it is prepared and commits by itself, on a connection of its own: without the round trips of a
        transaction, and behind no other.
        """
        return await self._commit(
            lambda transaction: work(transaction, *args, **kwargs), Priority.URGENT, threads=self._intake
        )

    async def _commit(
        self,
        work: Callable[[Transaction], Result],
        priority: Priority,
        *,
        threads: SharedCommits | TransactionThreads | None = None,
    ) -> Result:
        async with _translated_errors("written"):
            done = await (threads or self._writers).run(work, priority)
        for listener in self._listeners:
            listener()
        return done

    async def read(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work`` without a transaction: each statement is committed by itself.

        For one statement, or for several that need not agree. The statements are prepared: by the driver on Postgres,
        from their fifth run on a connection, and in a cache of each connection on SQLite. Raises Temporary when the
        database is away.
        """
        async with _translated_errors("read"):
            return await self._readers.run(lambda connection: work(connection, *args, **kwargs))

    async def snapshot(
        self, work: Callable[Concatenate[Transaction, Params], Result], *args: Params.args, **kwargs: Params.kwargs
    ) -> Result:
        """Run ``work`` in one transaction that only reads, and sees a single moment.

        Raises Temporary when the database is away.
        """

        def look(connection: Transaction) -> Result:
            connection.exec_driver_sql(self._begin_snapshot)  # it ends when the connection goes back to the pool
            return work(connection, *args, **kwargs)

        async with _translated_errors("read"):
            return await self._readers.run(look)

    async def close(self) -> None:
        """Wait for the running transactions, and close every connection."""
        for threads in (self._readers, self._writers, self._intake):
            await threads.close()
        for engine in self._engines:
            engine.dispose()


@asynccontextmanager
async def _translated_errors(verb: str) -> AsyncIterator[None]:
    try:
        yield
    except DBAPIError as error:
        translated = translate_error(f"the database cannot be {verb} now", error)
        if translated is None:
            raise
        raise translated from error


def _postgres(
    database_url: str,
    clock: DatabaseClock,
    connections: int,
    settings: Mapping[str, str] | None = None,
    **options: Any,
) -> Engine:
    """Return an engine for Postgres that sets the clock; statements have a limit.

    The server cancels a statement before the sender of a webhook would give up.
    """
    limits: dict[str, int | str] = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "lock_timeout": BUSY_TIMEOUT_MS,
        **(settings or {}),
    }
    engine = make_engine(
        database_url,
        pool_size=connections,
        pool_pre_ping=True,  # after a restart of the server the pool holds dead connections
        connect_args=connection_parameters(database_url, **limits),
        **options,
    )
    return follow_server_clock(ping_rarely(engine), clock)


def _sqlite(database_url: str, connections: int, *, begin: str | None = None) -> Engine:
    """Return an engine for SQLite, set up for one writer beside several readers.

    begin   the statement that begins each transaction; None: each statement is one by itself
    """
    engine = make_engine(database_url, pool_size=connections)

    @event.listens_for(engine, "connect")
    def prepare(connection: PoolProxiedConnection, _record: object) -> None:
        connection.isolation_level = None  # type: ignore[attr-defined]  # reason: BEGIN is sent below
        cursor = connection.cursor()
        # FULL: a commit survives a power cut once it has returned; WAL alone does not guarantee that
        settings = {"synchronous": "FULL", "busy_timeout": BUSY_TIMEOUT_MS, "journal_size_limit": MAX_JOURNAL_BYTES}
        for name, value in settings.items():
            cursor.execute(f"PRAGMA {name}={value}")
        _enter_wal_mode(cursor)
        cursor.close()

    if begin is not None:

        def start(connection: PoolProxiedConnection) -> None:
            connection.cursor().execute(begin)

        engine.dialect.do_begin = start  # type: ignore[method-assign, assignment]  # reason: see _clean_texts
    return engine


def _enter_wal_mode(cursor: DBAPICursor) -> None:
    """Set the file's journal mode; wait while another connection uses the file.

    A change of mode needs the file alone, and SQLite refuses it at once, without the busy timeout, when a second
    connection reads or changes the mode too: a command that starts beside the service, on a new or a restored file.
    """
    give_up_at = time.monotonic() + BUSY_TIMEOUT_MS / 1_000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > give_up_at:
                raise
            time.sleep(WAL_RETRY_S)
        else:
            return
