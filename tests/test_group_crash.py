"""Processes that are killed while they tell a group: each of its news is told, and known to be."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.crash.databases import Database, new_postgres, new_sqlite
from tests.crash.fleet import Fleet, Member, a_fleet
from tests.crash.rounds import wait
from tests.support import postgres
from tests.support.app_fixture import RED, signature
from tests.support.fake_servers import HttpEnd, http_end

WORKFLOWS = ("build", "deploy", "lint")
ROUTES = """\
receivers:
  web: {channels: ["json://127.0.0.1:%d"]}
routes:
  - match: {branch: main}
    receiver: web
    group: {by: [receiver], wait: 1s}
"""
DIES_WITHIN_S = 10
MOMENTS = [f"{at}:notifications={number}" for at in ("before", "after") for number in range(1, 7)]


@pytest.fixture
def end() -> Iterator[HttpEnd]:
    with http_end() as end:
        yield end


@dataclass(kw_only=True)
class Scene:
    """A fleet that tells one channel."""

    fleet: Fleet

    async def start(self, when: str) -> Member:
        roles = self.fleet.database.roles
        if roles == ("serve",):
            return await self.fleet.start("serve", when)
        await self.fleet.start("web")
        return await self.fleet.start("worker", when)

    async def post(self, workflow: str) -> bool:
        """Post a red run; False if the door is gone."""
        run = replace(RED, workflow=workflow, pushed_at=datetime.now(UTC) - timedelta(hours=1))
        body = as_bytes(workflow_completed(run))
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False) as http:
                signed = {"circleci-signature": signature(body)}
                answer = await http.post(f"{self.fleet.door()}/hooks/circleci", content=body, headers=signed)
                return answer.is_success
        return False


@pytest.fixture(params=["SQLite", "Postgres"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path, end: HttpEnd) -> AsyncIterator[Scene]:
    with ExitStack() as stack:
        database: Database = new_sqlite(tmp_path)
        if request.param == "Postgres":
            database = new_postgres(stack.enter_context(postgres.running()))
        async with a_fleet(database, tmp_path, 1, "alone") as fleet:
            (tmp_path / "roundsman.yaml").write_text(ROUTES % end.port)
            yield Scene(fleet=fleet)


@pytest.mark.long
@pytest.mark.parametrize("when", ["sent=1", *MOMENTS])
async def test_a_group_survives_a_kill_at_any_moment(scene: Scene, end: HttpEnd, when: str) -> None:
    dying = await scene.start(when)
    owed = [one for one in WORKFLOWS if not await scene.post(one)]
    with suppress(TimeoutError):  # it may have done its work in fewer transactions
        await asyncio.wait_for(dying.died(), DIES_WITHIN_S)
    await scene.fleet.revive()
    for one in owed:
        assert await scene.post(one)
    await asyncio.to_thread(wait, scene.fleet.is_settled)

    told = " ".join(f"{got.json['title']} {got.json['message']}" for got in end.got)
    assert [one for one in WORKFLOWS if one not in told.split()] == []
    rows = scene.fleet.database.rows
    assert rows("SELECT color, count(*) FROM told GROUP BY color") == [("red", len(WORKFLOWS))]
    assert rows("SELECT count(*) FROM notifications WHERE state NOT IN ('sent', 'dropped')") == [(0,)]
    sent = rows("SELECT count(*) FROM notifications WHERE event_id IS NOT NULL AND state = 'sent'")
    assert sent == [(len(WORKFLOWS),)]
    attempts = rows("SELECT outcome, count(*) FROM attempts GROUP BY outcome")
    assert len(end.got) <= sum(count for _, count in attempts)
