"""The runs of a track with their revisions, and the tests of a run."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from service.db.database import Store
from service.db.tables import Transaction
from service.pipeline.judgment.judge_runs import judge_runs
from service.routing.culprits import RevisionRun
from service.store.events import events
from service.store.runs import run_history, runs
from service.store.test_history import test_results
from tests.support.databases import Database
from tests.year.invented import NEW_YEAR
from tests.year.invented_runs import InventedRun, received

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def build(number: int, status: str, revision: str) -> InventedRun:
    return InventedRun(
        id=str(UUID(int=number)),
        project="shop",
        branch="main",
        workflow="build",
        number=number,
        revision=revision,
        place=number,
        author="Ada",
        created_at=NEW_YEAR + timedelta(hours=number),
        stopped_at=NEW_YEAR + timedelta(hours=number, minutes=5),
        status=status,
        jobs=(),
    )


def history(transaction: Transaction, built: Sequence[InventedRun]) -> list[RevisionRun]:
    """Post runs, and read the history until the last of them."""
    posted = [received(run)[1] for run in built]
    events.put_all(transaction, posted)
    judge_runs(transaction, posted)
    last = runs.id_of(posted[-1])
    return run_history.until(transaction, runs.find_all(transaction, {last})[last])


async def test_history_of_a_break_ends_soon_before_it(store: Store) -> None:
    greens = [build(number, "success", f"{number}") for number in range(1, 101)]

    found = await store.write(history, [*greens, build(101, "failed", "101"), build(102, "failed", "102")])

    assert [one.revision for one in found] == [f"{number}" for number in range(53, 103)]


async def test_history_of_a_long_stretch_of_red_goes_back_to_the_last_green(store: Store) -> None:
    reds = [build(number, "failed", f"{number}") for number in range(2, 102)]

    found = await store.write(history, [build(1, "success", "1"), *reds])

    assert [one.revision for one in found] == [f"{number}" for number in range(1, 102)]


async def test_history_holds_all_runs_of_the_last_green_revision(store: Store) -> None:
    """A red one among them keeps the next revision from being confirmed as the one that broke it."""
    nightly = [build(number, "success", "same") for number in range(2, 80)]

    found = await store.write(history, [build(1, "failed", "same"), *nightly, build(80, "failed", "next")])

    assert len(found) == 80


@pytest.mark.long
async def test_more_tests_are_looked_up_than_a_statement_takes(store: Store) -> None:
    assert await store.read(test_results.find_ids, {uuid4() for _ in range(40_000)}) == {}
