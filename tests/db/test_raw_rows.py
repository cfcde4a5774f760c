"""Objects of rows, kept until the rows change."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from service.db.raw_rows import RawRows
from service.db.tables import Transaction, tracks
from service.store.runs.tracks import StoredTrack, to_stored
from tests.support.app_fixture import RED, RED_TO_WEB, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB) as instance:
        await instance.finish(RED)
        await instance.drain()
        yield instance


async def test_a_row_is_converted_once_and_again_when_it_has_changed(instance: Instance) -> None:
    raw, store = RawRows([*tracks.c], to_stored, kept=10), instance.service.context.store

    def read(transaction: Transaction) -> list[StoredTrack]:
        return raw.read(transaction, select(*raw.columns))

    [first], [second] = await store.read(read), await store.read(read)
    await store.write(lambda transaction: transaction.execute(update(tracks).values(streak=7)).close())
    [third] = await store.read(read)

    plain = await store.read(
        lambda transaction: [to_stored(row) for row in transaction.execute(select(tracks)).mappings()]
    )
    assert second is first
    assert [third] == plain
    assert third.state.streak == 7
    assert (first.track, first.digest, first.state.since) == (third.track, third.digest, third.state.since)
