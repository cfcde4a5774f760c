"""The crash list: real processes, killed with SIGKILL at the worst moments, and what the next ones make of it.

Nothing acknowledged is lost, nothing decided goes unsent; only a send that was in flight may be repeated. The
rounds of other troubles that are played here, ``make crash`` plays as often as you like, at random.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from tests.crash.channel import Channel, channel
from tests.crash.count import Count
from tests.crash.databases import Database, Postgres, SQLite, new_postgres, new_sqlite
from tests.crash.fleet import Fleet, Member, a_fleet
from tests.crash.load import Load
from tests.crash.rounds import Plan, deal, play, wait
from tests.support import postgres
from tests.support.app_fixture import RED
from tests.support.long_cases import first_and_long

COMES_WITHIN_S = 120  # only a test that has gone wrong waits for this long


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["SQLite", pytest.param("Postgres", marks=pytest.mark.long)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "SQLite":
        return new_sqlite(tmp_path)
    return new_postgres(request.getfixturevalue("server"))


@dataclass(kw_only=True)
class Scene:
    """A fleet, the channels that it tells, and what was acknowledged."""

    fleet: Fleet
    end: Channel
    load: Load

    async def start(self, *, door: str = "never", worker: str = "never") -> Member:
        """Start what receives and what sends, each with its end ahead of it; who sends."""
        if self.fleet.database.roles == ("serve",):
            return await self.fleet.start("serve", door if worker == "never" else worker)
        await self.fleet.start("web", door)
        return await self.fleet.start("worker", worker)

    async def post(self, *numbers: int) -> None:
        """Post so many broken workflows at once; whoever gets a 202 for one is promised something."""
        runs = [replace(RED, number=number, subject=f"Change {number}") for number in numbers]
        async with httpx.AsyncClient(trust_env=False, timeout=COMES_WITHIN_S) as http:
            posts = (self.load.post(http, self.fleet.door(), workflow_completed(run)) for run in runs)
            await asyncio.gather(*posts)

    async def recover(self) -> None:
        """Have processes that do not die work off what the others left."""
        await self.fleet.revive()
        await asyncio.to_thread(wait, self.fleet.is_settled)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.fleet.database.rows(query)

    def outcomes(self, label: str = "web (json)") -> list[str]:
        """What came of each attempt to tell a channel."""
        attempts = self.rows(
            "SELECT channel_label, outcome FROM attempts "
            "JOIN notifications ON notifications.id = attempts.notification_id ORDER BY number"
        )
        return [outcome for channel_label, outcome in attempts if channel_label == label]


@pytest.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    with channel(Random(1)) as end:
        async with a_fleet(database, tmp_path, end.port, "alone") as fleet:
            yield Scene(fleet=fleet, end=end, load=Load(door=fleet.door, chances=Random(1)))


@pytest.mark.long
async def test_what_was_kept_and_not_even_acknowledged_is_told(scene: Scene) -> None:
    await scene.start(door="after:deliveries=1")
    await scene.post(1)
    kept = scene.rows("SELECT id FROM deliveries")

    await scene.recover()

    assert (scene.load.acknowledged, len(kept)) == ({}, 1)
    assert scene.end.taken == {("/a", "Change 1"): 1, ("/b", "Change 1"): 1}


@pytest.mark.long
async def test_what_died_before_its_commit_was_never_there_and_comes_again(scene: Scene) -> None:
    """A whole batch of posts is one commit: none of them may be kept by half."""
    await scene.start(door="before:deliveries=1")
    await scene.post(*range(1, 10))
    kept = scene.rows("SELECT id FROM deliveries")

    await scene.fleet.revive()
    await scene.post(*range(1, 10))
    await scene.recover()

    assert kept == []
    assert len(scene.load.acknowledged) == 9
    assert scene.end.taken == {(path, f"Change {n}"): 1 for path in ("/a", "/b") for n in range(1, 10)}


@pytest.mark.long
@pytest.mark.parametrize("when", first_and_long(["after:notifications=1", "after:attempts=1"]))
async def test_what_was_decided_or_begun_and_not_sent_is_sent(scene: Scene, when: str) -> None:
    worker = await scene.start(worker=when)
    await scene.post(1)
    await worker.died()

    await scene.recover()

    assert scene.end.taken.keys() == {("/a", "Change 1"), ("/b", "Change 1")}
    assert scene.outcomes()[-1] == "sent"
    assert set(scene.outcomes()[:-1]) <= {"interrupted"}


@pytest.mark.long
async def test_a_send_in_flight_is_repeated_and_the_interruption_is_on_record(scene: Scene) -> None:
    scene.end.hang.set()
    worker = await scene.start()
    await scene.post(1)
    await asyncio.to_thread(wait, lambda: scene.end.requests == 2)
    worker.kill()
    await worker.died()
    scene.end.hang.clear()

    await scene.recover()

    assert scene.outcomes() == ["interrupted", "sent"]
    assert set(scene.end.taken.values()) == {2}


@pytest.mark.long
async def test_a_message_that_arrived_but_is_not_on_record_is_the_only_one_repeated(scene: Scene) -> None:
    worker = await scene.start(worker="sent=1")
    await scene.post(1)
    await worker.died()

    await scene.recover()

    repeated = [path for (path, _), times in scene.end.taken.items() if times > 1]
    interrupted = [
        path for path, label in (("/a", "web (json)"), ("/b", "web (json 2)")) if scene.outcomes(label)[0] != "sent"
    ]
    assert repeated
    assert set(repeated) <= set(interrupted)


@pytest.mark.long
async def test_a_short_round_of_troubles_loses_nothing(tmp_path: Path) -> None:
    plan = Plan(seed="a short round", names=["kill", "circleci", "resend"], changes=8, lasts_s=1)
    count = await play(plan, tmp_path)

    assert count.is_good, count
    assert count.acknowledged > 0


@pytest.mark.long
@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("kind", [SQLite, Postgres])
async def test_a_round_of_troubles_loses_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, kind: type, number: int
) -> None:
    """The rounds share out all troubles that there are: each is met once on each database."""
    server = request.getfixturevalue("server") if kind is Postgres else None
    names = deal(Random("every trouble"), kind, hands=3)[number]

    count = await play(Plan(seed=f"round {number}", names=names, server=server, changes=30), tmp_path)

    assert count.is_good, count
    assert count.acknowledged > 0


@pytest.mark.long
async def test_a_worker_that_is_frozen_loses_nothing_at_the_default_timings(
    server: postgres.Server, tmp_path: Path
) -> None:
    plan = Plan(seed="frozen", names=["freeze"], server=server, pace="default", changes=20)

    count = await play(plan, tmp_path)

    assert count.is_good, count
    assert count.acknowledged > 0


@pytest.mark.long
async def test_a_change_of_the_harness_waits_for_a_server_that_was_killed(server: postgres.Server) -> None:
    database = new_postgres(server)
    await asyncio.to_thread(server.stop, "immediate")

    change = asyncio.create_task(asyncio.to_thread(database.change, "CREATE TABLE made (number int)"))
    await asyncio.to_thread(server.start)
    await change

    assert database.rows("SELECT count(*) FROM made") == [(0,)]


def test_a_count_that_misses_anything_is_not_good() -> None:
    good = Count(acknowledged=2, kept=2, acts=1, acts_kept=1, owed=4, told=4, repeated=1, in_flight=1)

    assert good.is_good
    assert not replace(good, kept=1).is_good
    assert not replace(good, told=3).is_good
    assert not replace(good, acts_kept=0).is_good
    assert not replace(good, unexcused=1).is_good
    assert not replace(good, unrecorded=1).is_good
    assert not replace(good, phantoms=1).is_good
    assert not replace(good, stuck=1).is_good
    assert (good + good).acknowledged == 4
