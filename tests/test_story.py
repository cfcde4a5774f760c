"""Whole journeys through real HTTP: CircleCI posts, Roundsman asks, somebody is told, and the record explains it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.app.service import build
from service.config.configuration import load
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.sender import Answer, Post, Sender, Signing
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support import fake_servers
from tests.support.app_fixture import GREEN, RED, SECRET, SETTLED_WITHIN_S, TOKEN, environ
from tests.support.operator_client import Operator

pytestmark = pytest.mark.databases("sqlite", "postgres")

TELL = """\
receivers:
  web:
    channels: [json://127.0.0.1:{port}/web]
routes:
  - name: main is red
    match: {{project: gh/acme/*, branch: main, status: [failed, error]}}
    receiver: web
"""


@dataclass(kw_only=True)
class Town:
    """Roundsman at an address, a CircleCI that posts to it and answers it, and a channel's other end."""

    address: str
    pretend: FakeCircleCI
    sender: Sender
    end: fake_servers.HttpEnd
    http: httpx.AsyncClient
    changed: asyncio.Event

    async def finish(self, run: Run, *, signing: Signing = Signing.CORRECT) -> Answer:
        self.pretend.run_finished(run)
        return await self.sender.send(Post.of(workflow_completed(run), signing=signing))

    async def get(self, path: str) -> Any:
        return (await self.http.get(f"{self.address}{path}", auth=Operator())).json()

    async def story(self) -> Any:
        """Everything on record about the only event, once it has been judged and everybody told."""
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while not is_over(story := await self._story()):
                await self.changed.wait()
                self.changed.clear()
        return story

    async def _story(self) -> Any:
        items = (await self.get("/api/v1/events"))["items"]
        return await self.get(f"/api/v1/events/{items[0]['id']}") if items else None


def is_over(story: Any) -> bool:
    return bool(story) and all(notification["state"] in {"sent", "dead"} for notification in story["notifications"])


@pytest.fixture
async def town(folder: Path) -> AsyncIterator[Town]:
    pretend = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    async with AsyncExitStack() as stack:
        end = stack.enter_context(fake_servers.http_end())
        circleci = await stack.enter_async_context(serving(pretend.app, listen("127.0.0.1", 0)))
        service = build(load(environ(folder, TELL.format(port=end.port), ROUNDSMAN_CIRCLECI_URL=circleci)))
        changed = asyncio.Event()
        service.context.store.after_commit(changed.set)
        await stack.enter_async_context(service.running())
        address = await stack.enter_async_context(serving(service.asgi, listen("127.0.0.1", 0)))
        http = await stack.enter_async_context(httpx.AsyncClient())
        sender = Sender(http, url=f"{address}/hooks/circleci", secret=SECRET, tries=1)
        yield Town(address=address, pretend=pretend, sender=sender, end=end, http=http, changed=changed)


@pytest.mark.long
async def test_a_red_workflow_becomes_a_message_that_says_what_failed(town: Town) -> None:
    answer = await town.finish(RED)
    story = await town.story()

    [got] = town.end.got
    assert answer == Answer(status=202)
    assert got.json["title"] == "acme/web main: build-and-test failed"
    assert "3 of 214 tests failed" in got.json["message"]
    assert "By Ada Example, commit 0f86213 Apply vouchers before shipping" in got.json["message"]
    assert got.json["type"] == "failure"
    assert story["notifications"][0]["attempts"][0]["outcome"] == "sent"


@pytest.mark.long
async def test_the_record_of_a_message_explains_it(town: Town) -> None:
    await town.finish(RED)
    story = await town.story()

    [decision] = story["decisions"]
    assert decision["verdict"] == "matched"
    assert decision["reason"] == (
        "project gh/acme/web matches gh/acme/*; branch main matches main; status failed matches failed"
    )
    assert story["delivery"]["signed"]["secret"] == 1
    assert story["details"]["missing"] == []
    assert story["actor"]["name"] == "Ada Example"
    assert [job["status"] for job in story["details"]["jobs"]] == ["success", "failed", "blocked"]


async def test_a_green_workflow_is_a_silence_with_a_reason(town: Town) -> None:
    await town.finish(GREEN)
    story = await town.story()

    [decision] = story["decisions"]
    assert (decision["verdict"], decision["reason"]) == ("not_matched", "status success is not failed or error")
    assert town.end.got == []
    # a project is asked for its default branch once a day, whatever it builds
    assert [call.path for call in town.pretend.calls if not call.path.startswith("/project/")] == []


async def test_a_forged_post_is_a_count_and_nothing_else(town: Town) -> None:
    answer = await town.finish(RED, signing=Signing.WRONG)

    metrics = (await town.http.get(f"{town.address}/metrics")).text
    assert answer.status == 401
    assert 'roundsman_deliveries_total{result="bad_signature"} 1.0' in metrics
    assert (await town.get("/api/v1/events"))["items"] == []


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_channel_that_is_closed_for_good_waits_for_a_person(town: Town) -> None:
    town.end.behave(fake_servers.Answer(status=410))
    await town.finish(RED)
    story = await town.story()

    [notification] = story["notifications"]
    [dead] = (await town.get("/api/v1/dead-letters"))["notifications"]
    assert (notification["state"], dead["id"]) == ("dead", notification["id"])
    assert notification["reason"].startswith("web (json) answered 410")


@pytest.mark.long
async def test_a_token_that_circleci_refuses_costs_detail_and_not_the_message(town: Town) -> None:
    town.pretend.faults.next("*", broken(401, "Invalid token provided."), times=100)
    await town.finish(RED)
    story = await town.story()

    [got] = town.end.got
    assert "the API token is not accepted" in story["details"]["missing"][0]["reason"]
    assert got.json["title"] == "acme/web main: build-and-test failed"


@pytest.mark.long
async def test_a_webhook_posted_again_tells_nobody_again(town: Town) -> None:
    await town.finish(RED)
    again = await town.finish(RED)
    await town.story()

    assert again == Answer(status=202, is_duplicate=True)
    assert len(town.end.got) == 1
