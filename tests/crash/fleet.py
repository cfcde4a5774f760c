"""Real processes of the service on one database, what kills them, and what is on record when they are gone."""

import asyncio
import multiprocessing
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Protocol

import psycopg

from service.db.migrate import migrate
from service.queue.procrastinate import WorkerTimings
from tests import crash_service, postgres
from tests.app_fixture import environ
from tests.processes import surroundings

STARTS_WITHIN_S = 60  # only a run that has gone wrong waits for this long
# every member is forked from one process that has imported everything: it starts in a moment, and dies like any other
BREEDER = multiprocessing.get_context("forkserver")
BREEDER.set_forkserver_preload(["__main__", "tests.crash_service", "apprise"])
TELL_TWO = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/a, json://127.0.0.1:{port}/b]
routes:
  - match: {{status: [failed, canceled]}}
    receiver: web
"""


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


@dataclass(kw_only=True)
class SQLite:
    """One file, one process."""

    file: Path
    roles: tuple[str, ...] = ("serve",)

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(query).fetchall()


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
        with psycopg.connect(self.url) as connection:
            return connection.execute(query).fetchall()

    async def crash(self) -> None:
        """Kill the server's processes, and start it again: it recovers from its log."""
        await asyncio.to_thread(self.server.stop, "immediate")
        await asyncio.to_thread(self.server.start)


def new_sqlite(folder: Path) -> SQLite:
    database = SQLite(file=folder / "roundsman.db")
    migrate(database.url)
    return database


def new_postgres(server: postgres.Server) -> Postgres:
    """A database whose commits survive a crash of the server: tests that crash none leave that away."""
    name = server.new_database().rpartition("/")[2]
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
    migrate(server.url(name))
    return Postgres(server=server, name=name)


@dataclass(kw_only=True, eq=False)
class Member:
    """One process; it may have died before it could say where it listens."""

    role: str
    when: str
    process: ForkServerProcess
    address: str = ""

    @property
    def is_well(self) -> bool:
        """It lives, and no end is ahead of it."""
        return self.when == "never" and self.process.is_alive()

    def kill(self) -> None:
        self.process.kill()

    def terminate(self) -> None:
        """Ask it to end, as a rolling update does."""
        self.process.terminate()

    async def freeze(self, seconds: float) -> None:
        """Stop it in the middle of whatever it does, as a machine out of memory does, and let it go on later."""
        if self.process.pid is None or not self.process.is_alive():
            return
        os.kill(self.process.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(self.process.pid, signal.SIGCONT)  # a zombie takes it too

    async def died(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(STARTS_WITHIN_S):
            while self.process.is_alive():  # noqa: ASYNC110 - it ends elsewhere
                await asyncio.sleep(0.01)


@dataclass(kw_only=True)
class Fleet:
    """The processes that live; what they say is in their logs, in the folder."""

    database: Database
    folder: Path
    environ: Mapping[str, str]
    timings: WorkerTimings
    members: list[Member] = field(default_factory=list)

    async def start(self, role: str, when: str = "never") -> Member:
        """Start a process, and wait until it listens or has died."""
        hears, says = BREEDER.Pipe(duplex=False)
        given = (role, when, self.timings, dict(self.environ), self.folder / f"{role}.log", says)
        process = BREEDER.Process(target=crash_service.begin, args=given, daemon=True)
        process.start()
        says.close()
        member = Member(role=role, when=when, process=process)
        self.members.append(member)
        with hears:
            member.address = await asyncio.to_thread(_heard, hears)
        return member

    async def replace(self, member: Member, when: str = "never", *, gently: bool = False) -> Member:
        """Kill a process, or ask it to end, and start another one in its place."""
        end = member.terminate if gently else member.kill
        end()
        await member.died()
        self.members.remove(member)
        return await self.start(member.role, when)

    async def revive(self) -> None:
        """Have everybody alive who should be, and none who will die."""
        await asyncio.gather(*(self.replace(member) for member in list(self.members) if not member.is_well))
        assert all(member.address for member in self.members), f"one did not start: see the logs in {self.folder}"

    def door(self) -> str:
        """Where to post; empty while nobody listens."""
        doors = (m.address for m in self.members if m.role != "worker" and m.process.is_alive())
        return next((address for address in doors if address), "")

    def unsettled(self) -> list[tuple[Any, ...]]:
        """What is kept and not judged, or decided and not sent."""
        return self.database.rows(
            "SELECT 'delivery', id FROM deliveries WHERE state = 'kept' UNION ALL "
            "SELECT 'notification', id FROM notifications WHERE state <> 'sent'"
        )

    def is_settled(self) -> bool:
        """Everything kept is judged, and everything decided is sent."""
        return not self.unsettled()


@asynccontextmanager
async def a_fleet(
    database: Database, folder: Path, port: int, timings: WorkerTimings = crash_service.HASTY
) -> AsyncIterator[Fleet]:
    """A fleet without processes yet; those that are started end with the block."""
    settings = environ(folder, TELL_TWO.format(port=port), ROUNDSMAN_DATABASE_URL=database.url)
    del settings["ROUNDSMAN_CIRCLECI_TOKEN"]  # asking is a courtesy, and not what this is about
    fleet = Fleet(database=database, folder=folder, environ=surroundings(settings), timings=timings)
    try:
        yield fleet
    finally:
        for member in fleet.members:
            member.kill()
        await asyncio.gather(*(member.died() for member in fleet.members))


def _heard(hears: Connection) -> str:
    """Where a process listens; empty when it died before it could say so."""
    try:
        return str(hears.recv()) if hears.poll(STARTS_WITHIN_S) else ""
    except EOFError:
        return ""
