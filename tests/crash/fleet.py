"""Real processes of the service on one database, and what is on record when they are gone."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.crash.databases import Database
from tests.crash.skew import environ_with_skew
from tests.support import crash_service
from tests.support.app_fixture import environ
from tests.support.crash_service import Pace
from tests.support.processes import surroundings

ROOT = Path(__file__).parents[2]
STARTS_WITHIN_S = 60  # only a run that has gone wrong waits for this long
# every member is forked from one process that has imported everything: it starts in a moment, and dies like any other
BREEDER = multiprocessing.get_context("forkserver")
BREEDER.set_forkserver_preload(["__main__", "tests.support.crash_service", "apprise"])
TELL_TWO = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/a, json://127.0.0.1:{port}/b]
routes:
  - match: {{status: [failed, canceled]}}
    receiver: web
"""


def module_in(tree: Path, package: str, name: str) -> str:
    """Return the dotted name of a module; another release may have it in another folder."""
    [file] = (tree / package).rglob(f"{name}.py")
    return ".".join(file.relative_to(tree).with_suffix("").parts)


@dataclass(kw_only=True, eq=False)
class Member:
    """One process; it may have died before it could say where it listens.

    place   of all that a fleet has, for its own configuration and log: who replaces it takes its place
    """

    role: str
    place: str
    when: str
    process: ForkServerProcess | subprocess.Popen[bytes]
    address: str = ""

    @property
    def is_alive(self) -> bool:
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll() is None
        return self.process.is_alive()

    @property
    def is_well(self) -> bool:
        """It lives, and no end is ahead of it."""
        return self.when == "never" and self.is_alive

    def kill(self) -> None:
        self.process.kill()

    def terminate(self) -> None:
        """Ask it to end, as a rolling update does."""
        self.process.terminate()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self.is_alive and self.process.pid is not None:
            os.kill(self.process.pid, number)

    async def freeze(self, seconds: float) -> None:
        """Stop it in the middle of whatever it does, as a machine out of memory does, and let it go on later."""
        self.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.signal(signal.SIGCONT)

    async def died(self) -> None:
        """Wait for its end."""
        async with asyncio.timeout(STARTS_WITHIN_S):
            while self.is_alive:  # noqa: ASYNC110 - it ends elsewhere
                await asyncio.sleep(0.01)


@dataclass(kw_only=True)
class Fleet:
    """The processes that live; what they say is in their logs, in the folder.

    environ   of each of them; one that has a roundsman.yaml of its own in ``configs``, by its place, goes by that
    trees     source trees of the places whose processes are of another release than this one
    turns     held while a member is replaced: what replaces one that is being replaced would come too late
    """

    database: Database
    folder: Path
    environ: Mapping[str, str]
    pace: str = "hasty"
    configs: dict[str, Path] = field(default_factory=dict)
    trees: dict[str, Path] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    turns: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def limits(self) -> Pace:
        return crash_service.PACES[self.pace]

    async def start_all(self) -> None:
        """Start one process for each role of the database."""
        roles = enumerate(self.database.roles)
        await asyncio.gather(*(self.start(role, place=f"{role}-{number}") for number, role in roles))

    async def start(self, role: str, when: str = "never", *, place: str = "", skew_s: int = 0) -> Member:
        """Start a process, and wait until it listens or has died.

        skew_s   by how much its clock is ahead
        """
        place = place or role
        hears, says = BREEDER.Pipe(duplex=False)
        process = self._spawn(role, when, place, says, skew_s)
        says.close()
        member = Member(role=role, place=place, when=when, process=process)
        self.members.append(member)
        with hears:
            member.address = await asyncio.to_thread(_heard, hears)
        return member

    def _spawn(
        self, role: str, when: str, place: str, says: Connection, skew_s: int
    ) -> ForkServerProcess | subprocess.Popen[bytes]:
        env, log = dict(self.environ), self.folder / f"{place}.log"
        if place in self.configs:
            env["ROUNDSMAN_CONFIG"] = str(self.configs[place])
        if skew_s or place in self.trees:  # a fork of ours has neither a turned clock nor another release's code
            program = module_in(self.trees.get(place, ROOT), "tests", "crash_service")
            command = [sys.executable, "-m", program, role, when, self.pace, str(log), str(says.fileno())]
            env = environ_with_skew(env, skew_s) if skew_s else env
            return subprocess.Popen(command, cwd=self.trees.get(place), env=env, pass_fds=[says.fileno()])
        given = (role, when, self.pace, env, log, says)
        process = BREEDER.Process(target=crash_service.begin, args=given, daemon=True)
        process.start()
        return process

    async def replace(
        self, member: Member, when: str = "never", *, gently: bool = False, skew_s: int = 0
    ) -> Member | None:
        """Kill a process, or ask it to end, and start another one in its place; None if another did that first."""
        async with self.turns:
            if member not in self.members:
                return None
            end = member.terminate if gently else member.kill
            end()
            await member.died()
            self.members.remove(member)
            return await self.start(member.role, when, place=member.place, skew_s=skew_s)

    async def revive(self) -> None:
        """Have everybody alive who should be, and none who will die."""
        for member in list(self.members):
            if not member.is_well:
                await self.replace(member)
        assert all(member.address for member in self.members), f"one did not start: see the logs in {self.folder}"

    def door(self) -> str:
        """Where to post; empty while nobody listens."""
        doors = (m.address for m in self.members if m.role != "worker" and m.is_alive)
        return next((address for address in doors if address), "")

    def unsettled(self) -> list[tuple[Any, ...]]:
        """What is kept and not judged, or decided and neither sent nor dismissed."""
        return self.database.rows(
            "SELECT 'delivery', id, state, due_at, reason FROM deliveries WHERE state = 'kept' UNION ALL "
            "SELECT 'notification', id, state, next_attempt_at, reason FROM notifications "
            "WHERE state NOT IN ('sent', 'dismissed', 'dropped')"
        )

    def is_settled(self) -> bool:
        """Everything kept is judged, and everything decided is sent."""
        return not self.unsettled()


@asynccontextmanager
async def a_fleet(
    database: Database, folder: Path, port: int, pace: str = "hasty", **settings: str
) -> AsyncIterator[Fleet]:
    """A fleet without processes yet; those that are started end with the block."""
    values = environ(folder, TELL_TWO.format(port=port), **{"ROUNDSMAN_DATABASE_URL": database.url, **settings})
    if "ROUNDSMAN_CIRCLECI_URL" not in settings:
        del values["ROUNDSMAN_CIRCLECI_TOKEN"]  # there is no CircleCI to be asked
    fleet = Fleet(database=database, folder=folder, environ=surroundings(values), pace=pace)
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
