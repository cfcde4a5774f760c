"""The ground of a measurement: a database of its own, and Roundsman's own processes."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from service.db.migrate import migrate
from tests.bench.launch import Launch, fresh
from tests.bench.profiler import Profiler
from tests.bench.scales import Scale
from tests.support.app_fixture import environ
from tests.support.postgres import Server

NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A database, and the environment of a Roundsman that lives on it."""

    name: str
    folder: Path
    environ: dict[str, str]
    launch: Launch
    profiler: Profiler | None = None

    @property
    def database_url(self) -> str:
        """Return the address of the database."""
        return self.environ["ROUNDSMAN_DATABASE_URL"]

    def count_events(self) -> int:
        """Return how many deliveries have been judged, read past the service."""
        [[count]] = read(self.database_url, "SELECT count(*) FROM events")
        return int(count)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all measurements share.

    launch     starts processes
    profiler   takes samples of the processes that are measured; None as a rule, for it slows them
    """

    server: Server
    scale: Scale
    launch: Launch = fresh
    profiler: Profiler | None = None

    @contextmanager
    def place(self, name: str, *, upstream: str = NOWHERE, routes: str | None = None) -> Iterator[Place]:
        """Yield an empty database, ``SQLite`` or ``Postgres``; ``upstream`` is CircleCI and the channels in one."""
        with TemporaryDirectory(prefix="roundsman-bench-") as folder:
            given = environ(Path(folder), routes or route_file(upstream), ROUNDSMAN_CIRCLECI_URL=upstream)
            given["ROUNDSMAN_KEEP_DAYS"] = "3650"
            if name == "Postgres":
                given["ROUNDSMAN_DATABASE_URL"] = self.server.new_database()
            yield Place(name=name, folder=Path(folder), environ=given, launch=self.launch, profiler=self.profiler)
            if name == "Postgres":
                self.server.drop_database(given["ROUNDSMAN_DATABASE_URL"])

    @contextmanager
    def migrated(self, name: str, *, upstream: str = NOWHERE, routes: str | None = None) -> Iterator[Place]:
        """Yield the same with its schema."""
        with self.place(name, upstream=upstream, routes=routes) as place:
            migrate(place.database_url)
            yield place


def route_file(upstream: str, *, routes: int = 1, teams: int = 1) -> str:
    """Return a roundsman.yaml: a route for the red runs of each team, after those of other projects.

    Teams have a channel each; with more than one, a team has a branch of its own.
    """
    address = upstream.removeprefix("http://")
    others = "".join(
        f"  - {{name: team {n}, match: {{project: gh/acme/service-{n}, branch: [main, release/*], "
        "status: [failed, error]}, receiver: team-0}\n"
        for n in range(routes - teams)
    )
    receivers = "".join(f"  team-{n}: {{channels: ['json://{address}/told/{n}']}}\n" for n in range(teams))
    branches = [f", branch: team-{n}" if teams > 1 else "" for n in range(teams)]
    ours = "".join(
        f"  - {{name: red {n}, match: {{status: failed{branch}}}, receiver: team-{n}}}\n"
        for n, branch in enumerate(branches)
    )
    return f"receivers:\n{receivers}routes:\n{others}{ours}"


def read(database_url: str, statement: str) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, outside any transaction."""
    if database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"), timeout=60)) as file:
            return file.execute(statement).fetchall()
    with psycopg.connect(database_url, autocommit=True) as connection:
        return connection.execute(statement.encode()).fetchall()
