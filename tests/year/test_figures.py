"""A year of tests, flaky ones and broken ones among them, is judged as it was made."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from service.db.database import Store
from tests.support import postgres
from tests.support.databases import Database, a_copy, a_template
from tests.year.invented_tests import invent_year_of_tests
from tests.year.year_figures import Figures, play
from tests.year.year_rows import expected, judged, rows


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def expect(figures: Figures) -> None:
    assert figures.precision >= 0.95, figures.wrongly
    assert figures.recall >= 0.90, figures.unlisted
    assert figures.silenced == []
    assert figures.culprits >= 0.99, figures.missed
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
