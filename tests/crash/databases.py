"""The databases of a fleet: one file for one process, or a server that can be killed too."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg

from service.db.migrate import migrate
from tests.support import postgres

SERVES_WITHIN_S = 60.0
T = TypeVar("T")


class Database(Protocol):
    """What a fleet works on."""

    roles: tuple[str, ...]

    @property
    def url(self) -> str:
        """Its address, as the setting has it."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What is on record, read past the service."""
        ...

    def change(self, *statements: str) -> None:
        """Change what is on record, in one transaction; a change may be made twice."""
        ...


@dataclass(kw_only=True)
class SQLite:
    """One file, one process."""

    file: Path
    roles: tuple[str, ...] = ("serve",)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with closing(sqlite3.connect(self.file)) as connection:
                return connection.execute(query).fetchall()

        return once_it_serves(read)

    def change(self, *statements: str) -> None:
        def write() -> None:
            with closing(sqlite3.connect(self.file, timeout=30)) as connection, connection:
                for statement in statements:
                    connection.execute(statement)

        once_it_serves(write)


@dataclass(kw_only=True)
class Postgres:
    """A server that can be killed too, and several processes."""

    server: postgres.Server
    name: str
    roles: tuple[str, ...] = ("web", "worker", "worker")

    @property
    def url(self) -> str:
        return self.server.url(self.name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        def read() -> list[tuple[Any, ...]]:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query).fetchall()

        return once_it_serves(read)

    def change(self, *statements: str) -> None:
        def write() -> None:
            with psycopg.connect(self.url) as connection:
                for statement in statements:
                    connection.execute(statement)

        once_it_serves(write)

    async def crash(self) -> None:
        """Kill the server's processes, and start it again: it recovers from its log."""
        await asyncio.to_thread(self.server.stop, "immediate")
        await asyncio.to_thread(self.server.start)


def once_it_serves(work: Callable[[], T]) -> T:
    """Do what may be done twice; again while the server is gone or the disk is full, as another trouble wants it."""
    deadline = time.monotonic() + SERVES_WITHIN_S
    while True:
        try:
            return work()
        except (psycopg.OperationalError, sqlite3.OperationalError) as error:
            is_wrong = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode == sqlite3.SQLITE_ERROR
            if is_wrong or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def new_sqlite(folder: Path, migrate: Callable[[str], None] = migrate) -> SQLite:
    database = SQLite(file=folder / "roundsman.db")
    migrate(database.url)
    return database


def new_postgres(server: postgres.Server, migrate: Callable[[str], None] = migrate) -> Postgres:
    """A database whose commits survive a crash of the server: tests that crash none leave that away."""
    name = server.new_database().rpartition("/")[2]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    migrate(server.url(name))
    return Postgres(server=server, name=name)
