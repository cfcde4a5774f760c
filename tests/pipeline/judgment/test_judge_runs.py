"""Runs are judged by the order of their track: not by the order of arrival, and not by the size of batches."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import pytest
from sqlalchemy import text

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Event, Pipeline, Project, Transition, Workflow
from service.pipeline.judgment.judge_runs import judge_runs
from service.store.events import events
from tests.support.databases import Database
from tests.support.example_events import FAILED, NOON

pytestmark = pytest.mark.databases("sqlite", "postgres")

SEED = UUID("5a9ffd3e-1c70-4f5e-9d5c-5d7f4e1d2f7b")
RUNS = """
SELECT id, color, transition, streak, number_in_pipeline FROM runs ORDER BY id
"""
INCIDENTS = """
SELECT opened_by, last_red, closed_by, closed_because, streak, opened_at, closed_at FROM incidents
WHERE merged_into IS NULL ORDER BY opened_at, opened_by
"""
TRACKS = "SELECT branch, newest_pipeline, colored_pipeline, color, streak, since, last_at FROM tracks ORDER BY branch"


def run(number: int, status: str, *, at: float | None = None, minutes: float = 5, branch: str | None = "main") -> Event:
    """Return the post of a run: its pipeline's number, and the minute at which it was created."""
    name = f"{branch} {number} {at} {status}"
    created = NOON + timedelta(minutes=10 * number if at is None else at)
    return replace(
        FAILED,
        id=uuid5(SEED, f"event {name}"),
        source_event_id=name,
        project=Project(id="p", slug="gh/acme/web", name="web"),
        pipeline=Pipeline(number=number),
        workflow=Workflow(
            id=str(uuid5(SEED, name)),
            name="build",
            status=status,
            created_at=created,
            stopped_at=created + timedelta(minutes=minutes),
        ),
        happened_at=created + timedelta(minutes=minutes),
        status=status,
        branch=branch,
    )


@pytest.fixture
async def store(database: Database) -> Any:
    store = Store(database.url)
    yield store
    await store.close()


def judge(transaction: Transaction, posted: Sequence[Event]) -> None:
    events.put_all(transaction, posted)
    judge_runs(transaction, posted)


def rows(transaction: Transaction) -> dict[str, list[Any]]:
    return {query: [tuple(row) for row in transaction.execute(text(query))] for query in (RUNS, INCIDENTS, TRACKS)}


def forget(transaction: Transaction) -> None:
    for table in ("events", "runs", "incidents", "tracks", "told"):
        transaction.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - names of our own


def invent(chance: random.Random) -> list[Event]:
    """Return runs of two branches: reruns, some beside the first, cancellations and gaps of weeks."""
    invented, minute = [], 0.0
    for number in range(1, chance.randint(4, 14)):
        minute += chance.choice([10, 10, 10, 60, 60 * 24 * 20])
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            status = chance.choice(["failed", "failed", "success", "success", "error", "canceled", "unauthorized"])
            branch = chance.choice(["main", "main", "topic", None])
            minute += chance.choice([0, 2, 6])
            invented.append(run(number, status, at=minute, branch=branch))
    return list({event.id: event for event in invented}.values())


@pytest.mark.parametrize("seed", [*range(6), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(6, 20))])
async def test_any_order_and_any_batches_end_alike(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    invented = invent(chance)
    await store.write(judge, sorted(invented, key=lambda event: event.workflow.created_at or NOON))
    expected = await store.read(rows)
    for _ in range(3):
        await store.write(forget)
        posted = chance.sample(invented, len(invented)) + chance.choices(invented, k=3)
        while posted:
            size = chance.choice([1, 1, 2, 5])
            batch, posted = posted[:size], posted[size:]
            await store.write(judge, list({event.id: event for event in batch}.values()))

        assert await store.read(rows) == expected


async def transitions(store: Store, *posted: Event) -> list[str]:
    """Post the runs one by one; return the transitions of all in the end, in the order posted."""
    for event in posted:
        await store.write(judge, [event])
    found = await store.read(lambda t: events.find_all(t, [event.id for event in posted]))
    return [str(found[event.id].run.transition) if found[event.id].run else "" for event in posted]  # type: ignore[union-attr]


async def test_a_canceled_newer_run_does_not_make_an_older_red_late(store: Store) -> None:
    assert await transitions(store, run(1, "success"), run(3, "canceled"), run(2, "failed")) == [
        Transition.PASSED,
        Transition.NONE,
        Transition.BROKE,
    ]
    red = (await store.read(events.find, run(2, "failed").id)).run
    assert red is not None
    assert not red.is_late


async def test_a_late_red_opens_the_incident_earlier(store: Store) -> None:
    assert await transitions(store, run(1, "success"), run(3, "failed"), run(2, "failed")) == [
        Transition.PASSED,
        Transition.STILL_BROKEN,
        Transition.BROKE,
    ]
    found = await store.read(lambda t: t.execute(text("SELECT count(*), max(streak) FROM incidents")).one())
    assert tuple(found) == (1, 2)
    late = (await store.read(events.find, run(2, "failed").id)).run
    assert late is not None
    assert late.is_late


async def test_a_late_green_divides_an_incident_and_the_newer_part_keeps_the_row(store: Store) -> None:
    await transitions(store, run(1, "failed"), run(3, "failed"))
    before = (await store.read(events.find, run(3, "failed").id)).run
    await transitions(store, run(2, "success"))
    newer = (await store.read(events.find, run(3, "failed").id)).run
    older = (await store.read(events.find, run(1, "failed").id)).run

    assert before is not None
    assert newer is not None
    assert older is not None
    assert newer.incident_id == before.incident_id
    assert older.incident_id != newer.incident_id
    found = await store.read(
        lambda t: t.execute(text("SELECT is_found_late, closed_because FROM incidents ORDER BY opened_at")).all()
    )
    assert [(bool(late), because) for late, because in found] == [(True, "green"), (False, None)]


async def test_a_green_rerun_of_the_same_pipeline_closes_as_a_rerun(store: Store) -> None:
    await transitions(store, run(1, "failed", at=10), run(1, "success", at=20))

    assert await store.read(lambda t: t.execute(text("SELECT closed_because FROM incidents")).scalar()) == "rerun"


async def test_runs_of_one_name_side_by_side_count_as_red(store: Store) -> None:
    found = await transitions(
        store, run(1, "success"), run(2, "success", at=20), run(2, "failed", at=21), run(3, "success")
    )

    assert found == [Transition.PASSED, Transition.NONE, Transition.BROKE, Transition.FIXED]


async def test_a_red_after_weeks_without_a_run_is_a_new_incident(store: Store) -> None:
    found = await transitions(
        store, run(1, "failed", branch="topic"), run(2, "failed", at=60 * 24 * 15, branch="topic")
    )

    assert found == [Transition.BROKE, Transition.BROKE]


async def test_runs_without_a_branch_stand_alone(store: Store) -> None:
    assert await transitions(store, run(1, "failed", branch=None), run(2, "failed", branch=None)) == [
        Transition.BROKE,
        Transition.BROKE,
    ]


async def test_of_two_posts_of_a_run_the_later_counts(store: Store) -> None:
    first = run(1, "failed", at=10)
    second = replace(
        first, id=uuid5(SEED, "again"), source_event_id="again", status="success", happened_at=first.happened_at
    )
    later = replace(second, happened_at=first.happened_at + timedelta(seconds=1))

    await transitions(store, later, first)

    assert await store.read(lambda t: t.execute(text("SELECT color FROM runs")).scalar()) == "green"
