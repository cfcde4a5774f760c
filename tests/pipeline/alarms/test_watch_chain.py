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
from tests.support.app_fixture import GREEN, RED, Instance, an_instance
from tests.support.long_cases import first_and_long

pytestmark = pytest.mark.databases("sqlite", "postgres")

OPS = "platform (json)"
TITLE = "Roundsman: the record does not fit its seals"


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """An instance with a red build, sealed."""
    async with an_instance(folder, ROUTES) as instance:
        await instance.finish(RED)
        await instance.drain()
        await seal(instance)
        yield instance


async def seal(instance: Instance) -> None:
    instance.clock.tick(minutes=2)
    await instance.service.pipeline.seal()


async def look(instance: Instance, watch: ChainWatch) -> list[tuple[str, str]]:
    """Look once; the titles and texts that the operators were told."""
    instance.clock.tick(minutes=1)
    before = len(instance.channels.took)
    await watch.look(instance.service.context)
    await instance.drain()
    return [(message.title, message.text) for label, message in instance.channels.took[before:] if label == OPS]


TAMPERED = [
    ("UPDATE deliveries SET source_event_id = 'another'", "Deliveries"),
    ("UPDATE decisions SET verdicts = 'n0'", "Decisions"),
    ("DELETE FROM attempts", "Attempts"),
    ("DELETE FROM sealed_rows WHERE table_number = 2", "Seal 1 does not fit the list of its rows"),
    ("UPDATE seals SET root = 'another'", "Seal 1"),
]


@pytest.mark.parametrize(("statement", "begin"), first_and_long(TAMPERED))
async def test_tampering_is_told_once_with_the_next_step(instance: Instance, statement: str, begin: str) -> None:
    watch = ChainWatch()
    assert await look(instance, watch) == []

    instance.change(statement)

    [(title, text)] = await look(instance, watch)
    assert title == TITLE
    assert begin in text
    assert "`roundsman audit verify` names all that does not fit" in text
    assert await look(instance, watch) == []
    assert await instance.service.context.store.read(count_alarms) == 1


def count_alarms(transaction: Transaction) -> int:
    return count_by_kind(transaction)["audit_chain"]


@pytest.mark.databases("sqlite")
async def test_a_row_that_cannot_be_read_is_told(instance: Instance) -> None:
    instance.change("UPDATE decisions SET decided_at = 'never'")

    [(_, text)] = await look(instance, ChainWatch())

    assert "A row of the seals 1 to 1 cannot be read" in text


async def test_a_fault_ends_when_its_seal_fits_again(instance: Instance) -> None:
    watch = ChainWatch()
    [[event]] = instance.rows("SELECT source_event_id FROM deliveries")
    instance.change("UPDATE deliveries SET source_event_id = 'another'")
    assert len(await look(instance, watch)) == 1

    instance.change(f"UPDATE deliveries SET source_event_id = '{event}'")  # noqa: S608

    assert [title for title, _ in await look(instance, watch)] == [f"{TITLE}: this has ended"]


@pytest.mark.long
async def test_what_retention_and_forget_change_is_no_fault(instance: Instance) -> None:
    watch = ChainWatch()
    store = instance.service.context.store
    await forget(store, ["ada"], who="an operator", at=instance.clock())
    await look(instance, watch)
    assert (await store.snapshot(check_seals, 1, max_rows=1_000)).faults == ()  # type: ignore[union-attr]
    instance.clock.tick(days=500)
    await instance.finish(GREEN)
    await instance.drain()
    await seal(instance)
    await prune(instance.service.context)

    check = await store.snapshot(check_seals, 1, max_rows=1_000)

    assert check is not None
    assert (check.first, check.faults) == (1, ())
    assert check.last >= 3


async def test_one_who_writes_the_whole_chain_anew_is_seen(instance: Instance) -> None:
    watch = ChainWatch()
    await look(instance, watch)
    for table in ("decisions", "seals", "sealed_rows"):
        instance.change(f"DELETE FROM {table}")  # noqa: S608
    await seal(instance)

    [(title, text)] = await look(instance, watch)

    assert title == TITLE
    assert "Seal 1 is another than the one that was there" in text
    await pass_but_sealed(instance, hours=23, minutes=55)
    assert await look(instance, watch) == []
    await pass_but_sealed(instance, minutes=10)
    assert [title for title, _ in await look(instance, watch)] == [f"{TITLE}: this has ended"]


async def pass_but_sealed(instance: Instance, **time: float) -> None:
    """Let time pass in which a seal was made to its end."""
    instance.clock.tick(**time)
    await seal(instance)


@pytest.mark.long
async def test_many_faulty_seals_are_a_few_alarms(instance: Instance) -> None:
    watch = ChainWatch()
    for number in range(6):
        await instance.finish(RED if number % 2 else GREEN)
        await instance.drain()
        await seal(instance)
    instance.change("UPDATE seals SET root = 'another'")

    told = [await look(instance, watch) for _ in range(3)]

    assert sum(map(len, told)) == 3


async def test_a_chain_that_stopped_is_told(instance: Instance) -> None:
    watch = ChainWatch()
    assert await look(instance, watch) == []
    instance.clock.tick(minutes=20)

    [(_, text)] = await look(instance, watch)

    assert text.splitlines()[-1].startswith("Nothing was sealed since 2026-03-02 09:32 UTC: see the log")
    await seal(instance)
    assert [title for title, _ in await look(instance, watch)] == [f"{TITLE}: this has ended"]


async def test_a_process_that_just_began_gives_the_first_seal_its_time(instance: Instance) -> None:
    instance.clock.tick(hours=9)

    assert await look(instance, ChainWatch()) == []
