"""The chain is checked while the service runs: what does not fit is told, and told again when it fits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from service.db.tables import Transaction
from service.operations.forget import forget
from service.pipeline.alarms.watch_chain import ChainWatch
from service.pipeline.upkeep.prune import prune
from service.store.audit.seal_checks import check_seals
from service.store.upkeep.alarms import count_by_kind
from tests.pipeline.alarms.test_watch_alarms import ROUTES
from tests.support.app_fixture import GREEN, RED, House, a_house
from tests.support.long_cases import first_and_long

pytestmark = pytest.mark.databases("sqlite", "postgres")

OPS = "platform (json)"
TITLE = "Roundsman: the record does not fit its seals"


@pytest.fixture
async def house(folder: Path) -> AsyncIterator[House]:
    """A house with a red build, sealed."""
    async with a_house(folder, ROUTES) as house:
        await house.finish(RED)
        await house.drain()
        await seal(house)
        yield house


async def seal(house: House) -> None:
    house.clock.tick(minutes=2)
    await house.service.pipeline.seal()


async def look(house: House, watch: ChainWatch) -> list[tuple[str, str]]:
    """Look once; the titles and texts that the operators were told."""
    house.clock.tick(minutes=1)
    before = len(house.channels.took)
    await watch.look(house.service.context)
    await house.drain()
    return [(message.title, message.text) for label, message in house.channels.took[before:] if label == OPS]


TAMPERED = [
    ("UPDATE deliveries SET source_event_id = 'another'", "Deliveries"),
    ("UPDATE decisions SET verdicts = 'n0'", "Decisions"),
    ("DELETE FROM attempts", "Attempts"),
    ("DELETE FROM sealed_rows WHERE table_number = 2", "Seal 1 does not fit the list of its rows"),
    ("UPDATE seals SET root = 'another'", "Seal 1"),
]


@pytest.mark.parametrize(("statement", "begin"), first_and_long(TAMPERED))
async def test_tampering_is_told_once_with_the_next_step(house: House, statement: str, begin: str) -> None:
    watch = ChainWatch()
    assert await look(house, watch) == []

    house.change(statement)

    [(title, text)] = await look(house, watch)
    assert title == TITLE
    assert begin in text
    assert "`roundsman audit verify` names all that does not fit" in text
    assert await look(house, watch) == []
    assert await house.service.context.store.read(count_alarms) == 1


def count_alarms(transaction: Transaction) -> int:
    return count_by_kind(transaction)["audit_chain"]


@pytest.mark.databases("sqlite")
async def test_a_row_that_cannot_be_read_is_told(house: House) -> None:
    house.change("UPDATE decisions SET decided_at = 'never'")

    [(_, text)] = await look(house, ChainWatch())

    assert "A row of the seals 1 to 1 cannot be read" in text


async def test_a_fault_ends_when_its_seal_fits_again(house: House) -> None:
    watch = ChainWatch()
    [[event]] = house.rows("SELECT source_event_id FROM deliveries")
    house.change("UPDATE deliveries SET source_event_id = 'another'")
    assert len(await look(house, watch)) == 1

    house.change(f"UPDATE deliveries SET source_event_id = '{event}'")  # noqa: S608

    assert [title for title, _ in await look(house, watch)] == [f"{TITLE}: this has ended"]


@pytest.mark.long
async def test_what_retention_and_forget_change_is_no_fault(house: House) -> None:
    watch = ChainWatch()
    store = house.service.context.store
    await forget(store, ["ada"], who="an operator", at=house.clock())
    await look(house, watch)
    assert (await store.snapshot(check_seals, 1, max_rows=1_000)).faults == ()  # type: ignore[union-attr]
    house.clock.tick(days=500)
    await house.finish(GREEN)
    await house.drain()
    await seal(house)
    await prune(house.service.context)

    check = await store.snapshot(check_seals, 1, max_rows=1_000)

    assert check is not None
    assert (check.first, check.faults) == (1, ())
    assert check.last >= 3


async def test_one_who_writes_the_whole_chain_anew_is_seen(house: House) -> None:
    watch = ChainWatch()
    await look(house, watch)
    for table in ("decisions", "seals", "sealed_rows"):
        house.change(f"DELETE FROM {table}")  # noqa: S608
    await seal(house)

    [(title, text)] = await look(house, watch)

    assert title == TITLE
    assert "Seal 1 is another than the one that was there" in text
    assert await look(house, watch) == []


@pytest.mark.long
async def test_many_faulty_seals_are_a_few_alarms(house: House) -> None:
    watch = ChainWatch()
    for number in range(6):
        await house.finish(RED if number % 2 else GREEN)
        await house.drain()
        await seal(house)
    house.change("UPDATE seals SET root = 'another'")

    told = [await look(house, watch) for _ in range(3)]

    assert sum(map(len, told)) == 3


async def test_a_chain_that_stopped_is_told(house: House) -> None:
    watch = ChainWatch()
    assert await look(house, watch) == []
    house.clock.tick(minutes=20)

    [(_, text)] = await look(house, watch)

    assert text.splitlines()[-1].startswith("Nothing was sealed since 2026-03-02 09:32 UTC: see the log")
    await seal(house)
    assert [title for title, _ in await look(house, watch)] == [f"{TITLE}: this has ended"]


async def test_a_process_that_just_began_gives_the_first_seal_its_time(house: House) -> None:
    house.clock.tick(hours=9)

    assert await look(house, ChainWatch()) == []
