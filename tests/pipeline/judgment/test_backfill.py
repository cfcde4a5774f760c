"""History that was judged before runs were gets its runs at the first start."""

from pathlib import Path

import pytest
from sqlalchemy import text

from service.db.tables import Transaction
from service.pipeline.judgment import backfill
from tests.support.app_fixture import GREEN, RED, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

CHANGES = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - match: {branch: main}
    receiver: web
"""
RUNS = "SELECT id, transition, streak, color, number_in_pipeline FROM runs ORDER BY id"
ASKED_FOR = """
    INSERT INTO backfills (name, first, mark, last) SELECT 'runs', min(place), min(place) - 1, max(place) FROM events
"""


def forget(transaction: Transaction) -> None:
    """Leave the database as the release before left it, with history to fill in."""
    for table in ("runs", "tracks", "incidents", "told"):
        transaction.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own
    transaction.execute(text(ASKED_FOR))


async def test_history_gets_its_runs_and_what_was_told_of_them(folder: Path) -> None:
    async with an_instance(folder, CHANGES) as instance:
        context = instance.service.context
        await instance.finish(RED)
        await instance.drain()
        expected = instance.rows(RUNS)
        await context.store.write(forget)

        await backfill.fill_in_history(context, chunk=1)

        assert expected
        assert instance.rows(RUNS) == expected
        await instance.finish(GREEN)
        await instance.drain()
        assert len(instance.channels.took) == 2  # the channel that was told that it broke
        await backfill.fill_in_history(context, chunk=1)
        assert instance.rows("SELECT count(*) FROM backfills WHERE done_at IS NULL") == [(0,)]
