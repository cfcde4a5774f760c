"""Runs of two pipeline definitions of one project never share a track, also where their workflows have one name."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Event
from service.store.runs import tracks
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import workflow_completed
from tests.pipeline.judgment.test_judge_runs import forget, judge, rows, run
from tests.pipeline.test_news import CHANGES
from tests.pipeline.test_news import run as of_main
from tests.support.app_fixture import Instance, an_instance
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")

FIRST, SECOND = "5f0c1d9e-0000-4000-8000-000000000001", "5f0c1d9e-0000-4000-8000-000000000002"
TRACKS = "SELECT definition_id, color, streak FROM tracks ORDER BY definition_id"
NEWS = """
    SELECT news, pipeline_number FROM notifications JOIN events ON events.id = notifications.event_id
    ORDER BY pipeline_number
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, CHANGES) as instance:
        yield instance


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    store = Store(database.url)
    yield store
    await store.close()


def of_app(one: Run, definition: object) -> dict[str, Any]:
    """The post of a run as the GitHub App's projects have it."""
    payload = workflow_completed(one)
    payload["pipeline"].pop("vcs", None)
    payload["pipeline"]["trigger_parameters"] = {
        "git": {"branch": "main", "checkout_sha": "5ca1e"},
        "circleci": {"trigger_type": "github_app", "config_source_id": definition},
    }
    return payload


async def finish(instance: Instance, one: Run, definition: object) -> None:
    instance.pretend.run_finished(one)
    await instance.post(of_app(one, definition))
    await instance.drain()


def defined(number: int, status: str, definition: str | None) -> Event:
    event = run(number, status)
    return replace(event, pipeline=replace(event.pipeline, definition_id=definition))


async def states(store: Store) -> list[Any]:
    return await store.read(lambda t: [tuple(row) for row in t.execute(text(TRACKS))])


def as_before(transaction: Transaction) -> None:
    """Have tracks as a release left them that did not read definitions."""
    transaction.execute(text("UPDATE tracks SET definition_id = NULL"))


@pytest.mark.long
async def test_a_green_run_of_one_definition_fixes_nothing_of_another(instance: Instance) -> None:
    await finish(instance, of_main(901, "failed"), FIRST)
    await finish(instance, of_main(902, "success"), SECOND)
    await finish(instance, of_main(903, "failed"), FIRST)
    await finish(instance, of_main(904, "failed"), SECOND)
    await finish(instance, of_main(905, "success"), FIRST)

    assert instance.rows(NEWS) == [("broke", 901), ("broke", 904), ("fixed", 905)]
    assert instance.rows(TRACKS) == [(FIRST, "green", 0), (SECOND, "red", 1)]


@pytest.mark.long
@pytest.mark.parametrize("given", [7, ["a"], {"id": "a"}, "", None, "x" * 5000, "a\x00b"])
async def test_a_definition_that_is_no_id_does_no_harm(instance: Instance, given: object) -> None:
    await finish(instance, of_main(901, "failed"), given)
    await finish(instance, of_main(902, "success"), given)

    assert instance.rows(NEWS) == [("broke", 901), ("fixed", 902)]


@pytest.mark.long
async def test_tracks_of_definitions_do_not_depend_on_the_order_of_arrival(store: Store) -> None:
    posted = [defined(1, "failed", None), defined(2, "failed", FIRST), defined(3, "success", SECOND)]
    posted.append(defined(4, "success", FIRST))
    found = []
    for order in permutations(posted):
        await store.write(forget)
        for event in order:
            await store.write(judge, [event])
        judged = await store.read(rows)
        found.append(([sorted(some, key=repr) for some in judged.values()], await states(store)))

    assert found == found[:1] * 24
    assert found[0][1] == [("", "red", 1), (FIRST, "green", 0), (SECOND, "green", 0)]


async def test_a_track_of_the_release_before_keeps_its_incident(store: Store) -> None:
    await store.write(judge, [defined(1, "failed", None)])
    await store.write(as_before)

    await store.write(judge, [defined(2, "failed", FIRST)])
    await store.write(judge, [defined(3, "success", SECOND)])

    assert await states(store) == [(FIRST, "red", 2), (SECOND, "green", 0)]
    await store.write(judge, [defined(4, "success", FIRST)])
    assert await store.read(lambda t: t.execute(text("SELECT count(*) FROM incidents")).scalar()) == 1
    assert await states(store) == [(FIRST, "green", 0), (SECOND, "green", 0)]


async def test_a_run_told_of_before_the_upgrade_stays_on_its_track(store: Store) -> None:
    """It waits for a rerun: when it is judged again, its event names no definition."""
    await store.write(judge, [defined(1, "failed", None)])
    await store.write(as_before)
    await store.write(judge, [defined(2, "failed", FIRST)])

    await store.write(judge, [defined(1, "failed", None)])

    assert await states(store) == [(FIRST, "red", 2)]


async def test_one_batch_gives_a_track_of_the_release_before_to_one_definition(store: Store) -> None:
    await store.write(judge, [defined(1, "failed", None)])
    await store.write(as_before)

    await store.write(judge, [defined(2, "failed", FIRST), defined(3, "failed", SECOND), defined(4, "failed", None)])

    assert await states(store) == [(FIRST, "red", 3), (SECOND, "red", 1)]


@pytest.mark.databases("postgres")
async def test_two_workers_give_a_track_of_the_release_before_to_one_definition(database: Database) -> None:
    stores = [Store(database.url) for _ in range(2)]
    await stores[0].write(judge, [defined(1, "failed", None)])
    await stores[0].write(as_before)

    def lock(transaction: Transaction, wanted: Sequence[Event]) -> list[str | None]:
        locked = tracks.lock(transaction, {tracks.digest_of(one): one for one in wanted})
        transaction.execute(text("SELECT pg_sleep(0.1)"))
        return [one.track.definition_id for one in locked.values()]

    given = ([defined(2, "failed", FIRST)], [defined(3, "failed", SECOND)])
    found = await asyncio.gather(*(store.write(lock, one) for store, one in zip(stores, given, strict=True)))

    assert found == [[FIRST], [SECOND]]
    assert sorted(one[0] for one in await states(stores[0])) == [FIRST, SECOND]
    for store in stores:
        await store.close()
