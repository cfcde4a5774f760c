"""What it costs the embedded engine to look for work: little, however much of it there is."""

import sqlite3
from collections import Counter
from datetime import timedelta

import pytest

from service.db.tables import Transaction
from service.queue import embedded
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from tests.support.queue_fixture import Watched, Work, acting, some

pytestmark = pytest.mark.databases("sqlite")


async def test_what_was_found_at_one_look_is_begun_without_another(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "POLL_EVERY_S", 3600)
    subjects, table = some(embedded.PREFETCH), Watched(work.store)
    work.jobs = EmbeddedQueue(table, clock=work.clock)
    looks: list[int] = []
    work.acts[subjects[-embedded.MAX_CONCURRENT - 1]] = acting(lambda: looks.append(table.looks))
    await work.store.write(lambda transaction: work.jobs.enqueue_many("note", subjects, within=transaction))

    await work.drain()

    assert (work.ran, looks) == (subjects, [1])


async def test_commits_without_a_job_lead_to_no_look(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "IDLE_POLL_S", 3600)
    table, [subject] = Watched(work.store), some(1)
    work.jobs = EmbeddedQueue(table, clock=work.clock)
    async with work.running():
        for _ in range(60):
            await work.store.write(lambda transaction: transaction.exec_driver_sql("SELECT 1").close())
        await work.enqueue(subject)
        await work.until_idle()

    assert work.ran == [subject]
    assert table.looks < 10  # at the start, for the job, after it, and at the end


@pytest.mark.long
@pytest.mark.parametrize(("lane", "busy_kinds"), [("slack", []), (None, ["note"])])
async def test_a_look_costs_the_same_however_many_cannot_begin_yet(
    work: Work, lane: str | None, busy_kinds: list[str]
) -> None:
    """Of a lane that rests, or of a kind that has no room."""
    table, until, steps = JobRows(work.store), work.clock() + timedelta(hours=1), Counter[str]()

    def prepare(transaction: Transaction) -> None:
        work.jobs.pause_lane("slack", within=transaction, until=until)
        writer = transaction.connection.driver_connection
        assert isinstance(writer, sqlite3.Connection)
        writer.set_progress_handler(lambda: steps.update(["all"]), 1)

    await work.store.write(prepare)
    costs = []
    for _ in range(2):
        for subject in some(200):
            await work.enqueue(subject, lane=lane)
        steps.clear()
        assert await table.due(work.clock(), limit=10, done=[0], busy_kinds=busy_kinds) == []
        costs.append(steps["all"])

    assert 0 < costs[1] < costs[0] * 1.2
