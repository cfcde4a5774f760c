"""The database of a test: a SQLite file, or one of a real Postgres server; the same can be asked and done of both.

A test's folder is where its database is: as the file ``roundsman.db``, or on the server that ``database.url`` names.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import psycopg

from service.db.migrate import migrate
from tests.support.postgres import Server, name_of

Queued = tuple[str, str, str | None]
"""A job's kind, subject and lane."""

# the time of a test is a value, also where the database itself asks what time it is
CLOCK = """
CREATE TABLE pretended_time (now timestamptz NOT NULL);
INSERT INTO pretended_time VALUES (now());
CREATE FUNCTION public.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT now FROM public.pretended_time';
"""
OUR_CLOCK = "search_path = public, pg_catalog"  # in its own catalogue Postgres looks first, unless told otherwise


class Database(Protocol):
    """What tests ask of a database past the service, and do to it behind the service's back."""

    url: str

    def rows(self, query: str, *values: object) -> list[Any]:
        """What is in it; a ``?`` stands for each value, and ids are 32 hex digits."""

    def change(self, statement: str, *values: object) -> None:
        """Change what is in it."""

    def jobs(self) -> list[Queued]:
        """What is yet to be done, due or not."""

    def lose_jobs(self) -> None:
        """Lose every job."""

    def repeat_jobs(self) -> None:
        """Have every job twice."""

    def tell_time(self, now: datetime) -> None:
        """Have its own clock show a time."""

    def locked(self) -> AbstractContextManager[None]:
        """Somebody else who keeps everybody from writing."""
        ...


class Sqlite:
    """A file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.url = f"sqlite:///{file}"

    def rows(self, query: str, *values: object) -> list[Any]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query, values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.execute(statement, values)
            connection.commit()

    def jobs(self) -> list[Queued]:
        return self.rows("SELECT kind, subject_id, lane FROM jobs ORDER BY id")

    def lose_jobs(self) -> None:
        self.change("DELETE FROM jobs")

    def repeat_jobs(self) -> None:
        self.change("INSERT INTO jobs (kind, subject_id, run_at) SELECT kind, subject_id, run_at FROM jobs")

    def tell_time(self, now: datetime) -> None:
        """SQLite is never asked."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")


class Postgres:
    """A database of a server, whose jobs are Procrastinate's."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: str, *values: object) -> list[Any]:
        with psycopg.connect(self.url) as connection:
            found = connection.execute(query.replace("?", "%s"), values).fetchall()
        return [tuple(_as_sqlite_has_it(value) for value in row) for row in found]

    def change(self, statement: str, *values: object) -> None:
        with psycopg.connect(self.url) as connection:
            connection.execute(statement.replace("?", "%s"), values)

    def jobs(self) -> list[Queued]:
        found = self.rows(
            "SELECT args ->> 'kind', args ->> 'subject_id', coalesce(lock, args ->> 'lane') FROM procrastinate_jobs "
            "WHERE task_name IN ('do', 'do then') ORDER BY id"
        )
        return [(kind, subject_id.replace("-", ""), lane) for kind, subject_id, lane in found]

    def lose_jobs(self) -> None:
        self.change("DELETE FROM procrastinate_jobs")

    def repeat_jobs(self) -> None:
        self.change(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, args, scheduled_at) "
            "SELECT queue_name, task_name, args, scheduled_at FROM procrastinate_jobs"
        )

    def tell_time(self, now: datetime) -> None:
        self.change("UPDATE pretended_time SET now = ?", now)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with psycopg.connect(self.url) as other:
            other.execute("LOCK TABLE deliveries, notifications, events IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()

    @contextmanager
    def engine_locked(self) -> Iterator[None]:
        """Somebody who lets nobody enqueue anything."""
        with psycopg.connect(self.url) as other:
            other.execute("LOCK TABLE procrastinate_jobs IN ACCESS EXCLUSIVE MODE")
            yield
            other.rollback()


def _as_sqlite_has_it(value: object) -> object:
    match value:
        case UUID():
            return value.hex
        case list() | dict():
            return json.dumps(value)
        case _:
            return value


def database_of(folder: Path) -> Database:
    """The database that a folder stands for."""
    named = folder / "database.url"
    return Postgres(named.read_text(encoding="utf-8")) if named.exists() else Sqlite(folder / "roundsman.db")


def a_template(server: Server) -> str:
    """The name of a migrated database without rows, to be copied for each test."""
    url = server.new_database("template0", OUR_CLOCK)
    with psycopg.connect(url) as connection:
        connection.execute(CLOCK)
    migrate(url)
    return name_of(url)


@contextmanager
def a_copy(server: Server, template: str) -> Iterator[str]:
    """The address of a test's own database, dropped afterwards: hundreds of them would fill a disk."""
    url = server.new_database(template, OUR_CLOCK)
    yield url
    server.drop_database(url)
