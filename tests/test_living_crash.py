"""Processes that are killed while they post to Slack: the incident has one living message all the same."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.crash.databases import Database, new_postgres, new_sqlite
from tests.crash.fleet import Fleet, Member, a_fleet
from tests.crash.rounds import wait
from tests.support import postgres
from tests.support.app_fixture import GREEN, RED, signature
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, Fault, fake_slack
from tests.support.slack_fixture import GREEN as GREEN_COLOR
from tests.support.slack_fixture import RED as RED_COLOR

COMES_WITHIN_S = 120  # only a test that has gone wrong waits for this long
ROUTES = f"""\
receivers:
  web:
    channels: ["slack-bot://{TOKEN}/{CHANNEL}"]
routes:
  - match: {{branch: main}}
    receiver: web
"""


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


@dataclass(kw_only=True)
class Scene:
    """A fleet that tells Slack."""

    fleet: Fleet
    slack: FakeSlack

    async def start(self, when: str = "never") -> Member:
        """Start what receives and what sends; who sends."""
        if self.fleet.database.roles == ("serve",):
            return await self.fleet.start("serve", when)
        await self.fleet.start("web")
        return await self.fleet.start("worker", when)

    async def post(self, run: Run) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=COMES_WITHIN_S) as http:
            body = as_bytes(workflow_completed(run))
            signed = {"circleci-signature": signature(body)}
            with suppress(httpx.TransportError):  # it died right after it had kept this
                await http.post(f"{self.fleet.door()}/hooks/circleci", content=body, headers=signed)

    async def settle(self) -> None:
        """Have processes that do not die work off what is left."""
        await self.fleet.revive()
        await asyncio.to_thread(wait, self.fleet.is_settled)

    async def tell(self, run: Run) -> None:
        await self.post(run)
        await asyncio.to_thread(wait, self.fleet.is_settled)


@asynccontextmanager
async def a_scene(database: Database, folder: Path, slack: FakeSlack) -> AsyncIterator[Scene]:
    async with a_fleet(database, folder, 1, "alone", ROUNDSMAN_SLACK_URL=slack.url) as fleet:
        (folder / "roundsman.yaml").write_text(ROUTES)
        yield Scene(fleet=fleet, slack=slack)


@pytest.fixture(params=["SQLite", pytest.param("Postgres", marks=pytest.mark.long)])
async def scene(request: pytest.FixtureRequest, tmp_path: Path, slack: FakeSlack) -> AsyncIterator[Scene]:
    with ExitStack() as stack:
        database: Database = new_sqlite(tmp_path)
        if request.param == "Postgres":
            database = new_postgres(stack.enter_context(postgres.running()))
        async with a_scene(database, tmp_path, slack) as scene:
            yield scene


def red(number: int) -> Run:
    return replace(RED, number=number, pushed_at=an_hour_ago())


def green(number: int) -> Run:
    return replace(GREEN, number=number, pushed_at=an_hour_ago())


def an_hour_ago() -> datetime:
    """Return a time so near that no incident has expired: processes go by the real clock."""
    return datetime.now(UTC) - timedelta(hours=1)


def shown(slack: FakeSlack) -> list[tuple[str | None, list[str | None]]]:
    """The messages of the channel, each with its thread, by their colors."""
    return [
        (message.color, [reply.color for reply in slack.replies if reply.thread_ts == message.ts])
        for message in slack.messages
    ]


STORY = [(GREEN_COLOR, [RED_COLOR, GREEN_COLOR])]


@pytest.mark.long
@pytest.mark.parametrize("sends", [1, 2, 3])
async def test_worker_that_dies_between_a_post_and_its_record_leaves_one_message(scene: Scene, sends: int) -> None:
    worker = await scene.start(f"sent={sends}")
    for number, run in enumerate((red(1), red(2), green(3)), 1):
        if number == sends:
            await scene.post(run)
            await worker.died()
            await scene.settle()
        else:
            await scene.tell(run)

    assert shown(scene.slack) == STORY
    outcomes = scene.fleet.database.rows("SELECT outcome FROM attempts ORDER BY started_at")
    assert [outcome for (outcome,) in outcomes].count("interrupted") == 1


@pytest.mark.long
async def test_worker_that_dies_before_slack_has_answered_leaves_one_message(scene: Scene) -> None:
    worker = await scene.start()
    scene.slack.plan["chat.postMessage"] = [Fault(act=worker.kill, is_cut=True)]
    await scene.post(red(1))
    await worker.died()
    await scene.settle()

    for run in (red(2), green(3)):
        await scene.tell(run)

    assert shown(scene.slack) == STORY


@pytest.mark.long
async def test_worker_that_dies_before_it_has_posted_leaves_one_message(scene: Scene) -> None:
    worker = await scene.start("after:attempts=1")
    await scene.post(red(1))
    await worker.died()
    await scene.settle()

    assert shown(scene.slack) == [(RED_COLOR, [])]


@pytest.mark.long
async def test_worker_that_is_frozen_after_its_post_leaves_one_message(tmp_path: Path, slack: FakeSlack) -> None:
    with postgres.running() as server:
        async with a_scene(new_postgres(server), tmp_path, slack) as scene:
            frozen = await scene.start()
            slack.plan["chat.postMessage"] = [Fault(act=lambda: frozen.signal(signal.SIGSTOP))]
            await scene.post(red(1))
            await asyncio.to_thread(wait, lambda: bool(slack.messages))
            await scene.fleet.start("worker", place="worker-2")
            await asyncio.to_thread(wait, scene.fleet.is_settled)
            frozen.signal(signal.SIGCONT)

            for run in (red(2), green(3)):
                await scene.tell(run)

    assert shown(slack) == STORY
