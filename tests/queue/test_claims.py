"""Claims on jobs: outside of jobs nothing has to be held, and a task ends as it began."""

from service.db.database import Store
from service.db.tables import Transaction
from service.queue.claims import claimed, current_claim
from tests.support.databases import Database


def is_lost(_transaction: Transaction) -> bool:
    return False


async def test_claim_counts_within_its_block_and_the_one_before_it_after_that(database: Database) -> None:
    store = Store(database.url)

    async def is_held() -> bool:
        return await store.read(current_claim())

    held = [await is_held()]
    with claimed(is_lost):
        held.append(await is_held())
        with claimed(lambda _transaction: True):
            held.append(await is_held())
        held.append(await is_held())
    held.append(await is_held())
    await store.close()

    assert held == [True, False, True, False, True]
