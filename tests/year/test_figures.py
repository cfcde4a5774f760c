"""A year of tests, flaky ones and broken ones among them, is judged as it was made."""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from service.db.database import Store
from service.db.tables import Transaction, incidents, runs, test_days, test_results, tests, tracks
from tests import postgres
from tests.databases import Database, a_copy, a_template
from tests.year.invented_runs import InventedRun, payload
from tests.year.invented_tests import YearOfTests, invent_year_of_tests
from tests.year.oracle import Opinion, opinions
from tests.year.year_figures import Figures, play


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def judged(transaction: Transaction) -> dict[str, Opinion]:
    """Return what was judged of each run."""
    wanted = select(runs.c.id, runs.c.transition, runs.c.streak, incidents.c.opened_by).outerjoin(
        incidents, incidents.c.id == runs.c.incident_id
    )
    return {
        str(row.id): Opinion(row.transition, row.streak, str(row.opened_by) if row.opened_by else None)
        for row in transaction.execute(wanted)
    }


def expected(year: YearOfTests) -> dict[str, Opinion]:
    of_projects: dict[str, list[InventedRun]] = defaultdict(list)
    for run in year.runs:
        of_projects[run.project].append(run)
    found: dict[str, Opinion] = {}
    for some in of_projects.values():
        found |= opinions([payload(run) for run in some])
    return found


def expect(figures: Figures) -> None:
    assert figures.precision >= 0.95, figures.wrongly
    assert figures.recall >= 0.90, figures.unlisted
    assert figures.silenced == []
    assert len(figures.missed) <= figures.ranges / 100, figures.missed
    assert figures.falsely == []
    assert min(figures.listed, figures.breaks, figures.ranges, figures.confirmed) > 0


@pytest.mark.long
async def test_year_of_tests_is_judged_as_it_was_made(store: Store) -> None:
    year = invent_year_of_tests(1, projects=2, runs=1_000, tests=100)

    figures = await play(store, year, reads=4)

    expect(figures)
    assert await store.read(judged) == expected(year)


@pytest.mark.long
@pytest.mark.parametrize("quarter", range(4))
async def test_2_000_tests_of_40_projects_are_judged_as_they_were_made(store: Store, quarter: int) -> None:
    """No project knows of the others here, so that a quarter of them is judged at a time."""
    year = invent_year_of_tests(100 + quarter, projects=10, runs=5_000, tests=500)

    figures = await play(store, year, reads=12)

    expect(figures)
    assert await store.read(judged) == expected(year)


def rows(transaction: Transaction) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that was judged and learned; ids that were made up are left out."""
    digests = {row.id: row.digest for row in transaction.execute(select(tests.c.id, tests.c.digest))}
    places = {row.id: row.digest for row in transaction.execute(select(tracks.c.id, tracks.c.digest))}
    own: dict[str, Any] = {"test_id": digests.get, "track_id": places.get}

    def read(table: Any) -> list[tuple[Any, ...]]:
        names = [one.name for one in table.columns if one.name not in {"id", "incident_id", "merged_into"}]
        found = (row._mapping for row in transaction.execute(select(table)))
        return sorted((tuple(own.get(name, lambda one: one)(row[name]) for name in names) for row in found), key=repr)

    tables = (runs, incidents, tracks, tests, test_results, test_days)
    return {table.name: read(table) for table in tables} | {"judged": sorted(judged(transaction).items(), key=repr)}


@pytest.mark.long
async def test_both_databases_hold_the_same_rows_of_a_year(store: Store, tmp_path: Path) -> None:
    year = invent_year_of_tests(2, projects=2, runs=1_000, tests=100)

    with ExitStack() as stack:
        server = stack.enter_context(postgres.running())
        other = Store(stack.enter_context(a_copy(server, a_template(server))))
        figures = [await play(one, year, reads=4) for one in (store, other)]
        there = await other.read(rows)
        await other.close()

    assert figures[0] == figures[1]
    assert await store.read(rows) == there
