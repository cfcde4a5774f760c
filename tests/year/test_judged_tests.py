"""A year of tests is judged at once as it is judged one test at a time, row by row."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from service.db.database import Store
from service.db.tables import Transaction
from service.operations.test_history.judged_tests import ListedTest, TestFacts, TestState, judge_tests
from service.operations.test_history.shown_tests import JudgedTests
from service.operations.test_history.tests import TestSearch, find_judged
from service.store.test_history import test_list, test_results
from service.store.test_history.test_list import TestFilter
from tests.support.databases import Database
from tests.year.invented import NEW_YEAR
from tests.year.invented_tests import YEAR, YearOfTests, invent_year_of_tests
from tests.year.plain_judgment import Plain, judge_plainly
from tests.year.year_figures import Listener, play

pytestmark = [pytest.mark.long, pytest.mark.databases("sqlite", "postgres")]
END = NEW_YEAR + YEAR
STRIDE = 7  # at a time: others than the first find the facts of most of their branches


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def to_plain(one: ListedTest) -> Plain:
    flakiness = one.flakiness
    return Plain(
        name=one.row["name"],
        states=tuple(map(str, one.states)),
        facts=(flakiness.runs, flakiness.fails, flakiness.contradicted, flakiness.rate, flakiness.flip_rate),
        results=one.results,
        fails_in_a_row=one.fails_in_a_row,
        failing_on=sorted((stored.track.branch for stored in one.failing_on), key=str),
        mean_ms=one.mean_ms,
    )


def judge_at_once(transaction: Transaction, now: datetime, branch: str | None = None) -> dict[int, Plain]:
    facts, wanted = TestFacts(transaction, now), TestFilter(branch=branch)
    rows = test_list.candidates(transaction, wanted, beyond=None, limit=1_000)
    strides = [rows[start : start + STRIDE] for start in range(0, len(rows), STRIDE)]
    judged = [one for some in strides for one in judge_tests(facts, some, wanted) if one is not None]
    return {one.row["id"]: to_plain(one) for one in judged}


def listed_flaky(transaction: Transaction, now: datetime) -> set[str]:
    """Return the names of the flaky tests as insights list them."""
    search = TestSearch(wanted=TestFilter(), state=TestState.FLAKY)
    return {
        one.listed["name"]
        for one in find_judged(transaction, now, search, JudgedTests().judging, limit=200, cursor=None).items
    }


async def expect_the_same(store: Store, now: datetime) -> dict[int, Plain]:
    for branch in ("main", None):
        plain = await store.read(judge_plainly, now, branch)
        assert await store.read(judge_at_once, now, branch) == plain
    assert await store.read(listed_flaky, now) == {one.name for one in plain.values() if "flaky" in one.states}
    return plain


async def test_year_is_judged_at_once_as_row_by_row(store: Store) -> None:
    year = invent_year_of_tests(5, projects=1, runs=200, tests=24)
    await play(store, year, reads=1)

    for days in (0, 13, 29, 60, 89, 130):
        judged = await expect_the_same(store, END - timedelta(days=20) + timedelta(days=days))
        assert bool(judged) == (days < 130)
    await expect_the_same(store, END - timedelta(days=150))  # of what happened later it knows nothing yet
    await replay(store, year)
    before = await expect_the_same(store, END)
    await store.write(prune)
    assert await expect_the_same(store, END) != before


async def replay(store: Store, year: YearOfTests) -> None:
    """Post the last runs of a year once more."""
    await store.write(Listener(year).post, year.runs[-50:])


def prune(transaction: Transaction) -> None:
    """Delete the results of all but the last weeks."""
    test_results.prune(transaction, before=END - timedelta(days=45), limit=100_000)
