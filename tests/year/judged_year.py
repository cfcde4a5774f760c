"""The invented year of tests, judged in one database: by a process of its own."""

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console

from service.db.database import Store
from service.db.migrate import migrate
from tests.year.invented_tests import invent_year_of_tests
from tests.year.year_figures import Figures, play
from tests.year.year_rows import expected, judged, rows

CONSOLE = Console(stderr=True)


@dataclass(frozen=True, kw_only=True)
class Size:
    """The size of a year, and the seed that it is made from."""

    seed: int
    projects: int
    runs: int
    tests: int


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What became of a year in one database.

    wrong_runs   the ids of the runs that an oracle judges otherwise, of ``runs`` in all
    digests      of the rows of each table, without the ids that were made up
    seconds      of processor time, the database's server aside
    """

    figures: Figures
    runs: int
    wrong_runs: list[str]
    digests: Mapping[str, str]
    seconds: float


def judge_year(name: str, url: str, size: Size) -> Judged:
    """Judge a year in the database of an address."""
    if name == "SQLite":  # the other is a copy of a database that is migrated
        migrate(url)
    return asyncio.run(_judge(name, url, size))


async def _judge(name: str, url: str, size: Size) -> Judged:
    began, store = time.process_time(), Store(url)
    year = invent_year_of_tests(size.seed, projects=size.projects, runs=size.runs, tests=size.tests)
    figures = await play(store, year, reads=12, progress=lambda at: CONSOLE.print(f"{name}: judged until {at:%d %B}"))
    found, wanted = await store.read(judged), expected(year)
    digests = {
        table: hashlib.sha256(repr(some).encode()).hexdigest() for table, some in (await store.read(rows)).items()
    }
    await store.close()
    return Judged(
        figures=figures,
        runs=len(wanted),
        wrong_runs=[run for run in wanted.keys() | found.keys() if found.get(run) != wanted.get(run)],
        digests=digests,
        seconds=time.process_time() - began,
    )
