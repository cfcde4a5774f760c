"""A new roundsman.yaml is rolled out: for a while real workers on one Postgres go by two files, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import httpx
import pytest

from service.testing.fake_circleci.payloads import workflow_completed
from tests.crash.channel import Channel, channel
from tests.crash.databases import Postgres, new_postgres
from tests.crash.fleet import Fleet, a_fleet
from tests.crash.load import Load
from tests.support import postgres
from tests.support.app_fixture import RED

MESSAGES = 6
SOON_S = 120.0
WITH_ONE = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/a]
routes:
  - match: {{status: [failed, canceled]}}
    receiver: web
"""


@asynccontextmanager
async def a_told_fleet(database: Postgres, folder: Path) -> AsyncIterator[tuple[Channel, Fleet]]:
    """A fleet without processes yet, and the channels that it tells."""
    with channel(Random(1)) as end:
        async with a_fleet(database, folder, end.port) as fleet:
            yield end, fleet


def going_by(fleet: Fleet, name: str, routes: str) -> Fleet:
    """The same fleet, for members that have another file."""
    file = fleet.folder / name
    file.write_text(routes, encoding="utf-8")
    return replace(fleet, environ={**fleet.environ, "ROUNDSMAN_CONFIG": str(file)})


async def comes_to_be(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not await asyncio.to_thread(claim):  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.05)


@pytest.mark.long
async def test_workers_with_two_files_tell_every_channel_of_either_and_bury_nothing(
    server: postgres.Server, tmp_path: Path
) -> None:
    """One file has a channel more: an added one if that is the new file, a removed one if it is the old."""
    database = new_postgres(server)
    async with a_told_fleet(database, tmp_path) as (end, fleet):
        short = going_by(fleet, "short.yaml", WITH_ONE.format(port=end.port))
        await fleet.start("web")
        await short.start("worker")
        await fleet.start("worker")
        load = Load(door=fleet.door, chances=Random(1))
        async with httpx.AsyncClient(trust_env=False) as http:
            for number in range(1, MESSAGES + 1):
                run = replace(RED, number=number, subject=f"Change {number}")
                await load.post(http, fleet.door(), workflow_completed(run))

        await comes_to_be(lambda: len(database.rows("SELECT id FROM events")) == MESSAGES)
        await comes_to_be(fleet.is_settled)
        states = database.rows("SELECT state, count(*) FROM notifications GROUP BY state")
        outcomes = database.rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome")

    assert states == [("sent", end.taken.total())]
    assert outcomes == states
    assert {told for (path, told) in end.taken if path == "/a"} == {f"Change {n}" for n in range(1, MESSAGES + 1)}
    assert set(end.taken.values()) == {1}


@pytest.mark.long
async def test_what_only_an_old_file_knows_waits_for_a_worker_that_has_it(
    server: postgres.Server, tmp_path: Path
) -> None:
    database = new_postgres(server)
    async with a_told_fleet(database, tmp_path) as (end, fleet):
        short = going_by(fleet, "short.yaml", WITH_ONE.format(port=end.port))
        await fleet.start("web")
        judge = await fleet.start("worker", "after:notifications=1")
        load = Load(door=fleet.door, chances=Random(1))
        async with httpx.AsyncClient(trust_env=False) as http:
            await load.post(http, fleet.door(), workflow_completed(replace(RED, number=1, subject="Change 1")))
        await judge.died()
        fleet.members.remove(judge)
        await short.start("worker")
        await comes_to_be(lambda: bool(database.rows("SELECT id FROM notifications WHERE reason LIKE '%waits%'")))
        meanwhile = database.rows("SELECT DISTINCT state FROM notifications WHERE reason LIKE '%waits%'")
        await fleet.start("worker")
        await comes_to_be(fleet.is_settled)

    assert meanwhile == [("pending",)]
    assert end.taken == {("/a", "Change 1"): 1, ("/b", "Change 1"): 1}


SECRET = """\
receivers:
  web:
    channels: ["${CHANNEL}"]
routes:
  - match: {status: [failed, canceled]}
    receiver: web
"""


def knowing(fleet: Fleet, address: str) -> Fleet:
    """The same fleet, for members that were given this secret."""
    given = going_by(fleet, "secret.yaml", SECRET)
    return replace(given, environ={**given.environ, "CHANNEL": address})


@pytest.mark.long
async def test_a_secret_that_was_revoked_is_no_reason_to_give_up_while_a_worker_has_the_new_one(
    server: postgres.Server, tmp_path: Path
) -> None:
    database = new_postgres(server)
    async with a_told_fleet(database, tmp_path) as (end, fleet):
        end.unknown = frozenset({"/revoked"})
        await fleet.start("web")
        await knowing(fleet, f"json://127.0.0.1:{end.port}/revoked").start("worker")
        await knowing(fleet, f"json://127.0.0.1:{end.port}/new").start("worker")
        load = Load(door=fleet.door, chances=Random(1))
        async with httpx.AsyncClient(trust_env=False) as http:
            for number in range(1, MESSAGES + 1):
                run = replace(RED, number=number, subject=f"Change {number}")
                await load.post(http, fleet.door(), workflow_completed(run))
        await comes_to_be(lambda: len(database.rows("SELECT id FROM notifications")) == MESSAGES)
        await comes_to_be(fleet.is_settled)
        states = database.rows("SELECT state, count(*) FROM notifications GROUP BY state")

    assert states == [("sent", MESSAGES)]
    assert end.taken == {("/new", f"Change {number}"): 1 for number in range(1, MESSAGES + 1)}


@pytest.mark.long
async def test_a_wrong_secret_that_all_workers_have_is_given_up_at_once(
    server: postgres.Server, tmp_path: Path
) -> None:
    database = new_postgres(server)
    async with a_told_fleet(database, tmp_path) as (end, fleet):
        end.unknown = frozenset({"/revoked"})
        await fleet.start("web")
        for _ in range(2):
            await knowing(fleet, f"json://127.0.0.1:{end.port}/revoked").start("worker")
        load = Load(door=fleet.door, chances=Random(1))
        async with httpx.AsyncClient(trust_env=False) as http:
            await load.post(http, fleet.door(), workflow_completed(replace(RED, number=1, subject="Change 1")))
        await comes_to_be(lambda: bool(database.rows("SELECT id FROM notifications WHERE state = 'dead'")))
        outcomes = database.rows("SELECT outcome FROM attempts")

    assert outcomes == [("dead",)]
