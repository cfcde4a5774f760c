"""A search of a stretch of the history begins with the stretch, however long the lists of its terms are."""

from collections.abc import Sequence

import pytest

from service.db.database import Store
from service.db.tables import Transaction
from service.store.search.places import first_place
from service.store.search.search_terms import Span, matching, numbers_of
from tests.support.app_fixture import NINE
from tests.support.databases import Database

pytestmark = pytest.mark.databases("postgres")

PLACE = first_place(NINE)


def conditions(transaction: Transaction) -> Sequence[list[int]]:
    """Return the numbers of each condition on the terms, in their order."""
    found = matching(transaction, [("status=success",), ("branch=main",)], Span(low=PLACE, high=PLACE + 1))
    given = found.compile(dialect=transaction.dialect).params.values()
    return [numbers for numbers in given if isinstance(numbers, list)]


async def test_slots_of_a_stretch_are_looked_for_before_its_terms(database: Database) -> None:
    store = Store(database.url)
    slots, *terms = await store.read(conditions)
    await store.close()

    assert set(slots) <= set(numbers_of([], PLACE))
    assert terms == [[number_of("status=success")], [number_of("branch=main")]]


def number_of(term: str) -> int:
    """Return the number of a term, which stands among those of slots."""
    [number] = {*numbers_of([term], PLACE)} - {*numbers_of([], PLACE)}
    return number
