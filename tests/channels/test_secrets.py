"""No secret ever shows: a whole story with known ones, everything at its most talkative, and then a search for them."""

import asyncio
import base64
import logging
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from service.app.service import Service, build
from service.config.configuration import load
from service.operations import queries
from service.pipeline.context import RetryPolicy
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.sender import Post, Sender, Signing
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.server.server import listen, serving
from tests.support.app_fixture import GREEN, RED, environ
from tests.support.fake_servers import Answer, HangUp, HttpEnd, internet
from tests.support.log_capture import logged

SECRETS = {
    "ROUNDSMAN_WEBHOOK_SECRETS": "fake-webhook-secret-new,fake-webhook-secret-old",
    "ROUNDSMAN_CIRCLECI_TOKEN": "fake-circleci-token",
    "ROUNDSMAN_ADMIN_TOKEN": "fake-admin-token-of-some-length",
    "CHANNEL_PATH": "fake-channel-path-token",
    "CHANNEL_PASSWORD": "fake/channel@password",
    "SLACK_TOKENS": "T0FAKE000/B0FAKE000/fakechanneltokenfakechan",
}
WORDS = [word for value in SECRETS.values() for word in value.split(",")]
WORDS += SECRETS["SLACK_TOKENS"].split("/")
ROUTES = """\
receivers:
  web:
    channels:
      - json://127.0.0.1:{port}/${{CHANNEL_PATH}}
      - json://ci:${{CHANNEL_PASSWORD}}@127.0.0.1:{port}/hooks
      - slack://${{SLACK_TOKENS}}
  far: {{channels: ["json://127.0.0.1:1/${{CHANNEL_PATH}}"]}}
routes:
  - {{match: {{status: [failed]}}, receiver: web, continue: true}}
  - {{match: {{status: [failed, success]}}, receiver: far}}
"""


def seen_as(word: str) -> set[str]:
    """A secret as it is, in a URL, and in a Basic credential."""
    return {word, quote(word, safe=""), base64.b64encode(f"ci:{word}".encode()).decode()}


def found(text: str) -> list[str]:
    return [word for word in WORDS if any(spelling in text for spelling in seen_as(word))]


@dataclass(kw_only=True)
class Story:
    """Everything that somebody could have read."""

    folder: Path
    said: list[str] = field(default_factory=list)

    async def look(self, http: httpx.AsyncClient, path: str, **how: Any) -> httpx.Response:
        """Ask for something and keep what was answered; what we sent ourselves is no answer."""
        response = await http.request(how.pop("method", "GET"), path, **how)
        self.said += [response.text, *(f"{name}: {value}" for name, value in response.headers.items())]
        return response

    @property
    def tables(self) -> str:
        with closing(sqlite3.connect(self.folder / "roundsman.db")) as connection:
            names = [
                name
                for (name,) in connection.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
                )
            ]
            return repr([connection.execute(f"SELECT * FROM {name}").fetchall() for name in names])  # noqa: S608 - ours


async def happen(story: Story, end: HttpEnd, pretend: FakeCircleCI) -> None:
    """A red and a green workflow, told to channels that mostly fail, with strangers knocking and people looking."""
    async with serving(pretend.app, listen("127.0.0.1", 0)) as circleci:
        routes = ROUTES.format(port=end.port)
        config = load({**environ(story.folder, routes, ROUNDSMAN_CIRCLECI_URL=circleci), **SECRETS})
        service = build(
            config, retry_policy=RetryPolicy(min_pause=timedelta(0), give_up_after=timedelta(milliseconds=200))
        )
        async with (
            service.running(),
            serving(service.asgi, listen("127.0.0.1", 0)) as url,
            httpx.AsyncClient(base_url=url, trust_env=False) as http,
        ):
            await post(url, http, pretend)
            await settled(service)
            await browse(story, http)


async def post(url: str, http: httpx.AsyncClient, pretend: FakeCircleCI) -> None:
    sender = Sender(http, url=f"{url}/hooks/circleci", secret="fake-webhook-secret-old")
    for signing in (Signing.WRONG, Signing.NONE):
        await sender.send(Post.of(workflow_completed(RED), signing=signing))
    for run in (RED, GREEN):
        pretend.run_finished(run)
        await sender.send(Post.of(workflow_completed(run)))


async def settled(service: Service) -> None:
    """Wait until nothing is left to judge or to send."""
    async with asyncio.timeout(60):
        while await service.context.store.snapshot(queries.count_unsettled):  # noqa: ASYNC110 - what is left is known by asking
            await asyncio.sleep(0.05)


async def browse(story: Story, http: httpx.AsyncClient) -> None:
    """Look at everything, over the API and on the pages, with a wrong token, with none and with the right one."""
    token = SECRETS["ROUNDSMAN_ADMIN_TOKEN"]
    await story.look(http, "/api/v1/events")
    await story.look(http, "/api/v1/events", headers={"Authorization": "Bearer a-guess"})
    await story.look(http, "/login", method="POST", data={"token": "a-guess"})
    as_admin = {"Authorization": f"Bearer {token}"}
    listed = await story.look(http, "/api/v1/events", headers=as_admin)
    assert len(listed.json()["items"]) == 2
    await story.look(http, "/login", method="POST", data={"token": token})
    for path in ("/api/v1/dead-letters", "/", "/dead-letters", "/metrics", "/healthz", "/readyz", "/nowhere"):
        await story.look(http, path, headers=as_admin if path.startswith("/api") else {})
    for event in listed.json()["items"]:
        await story.look(http, f"/builds/{event['id']}")
        await story.look(http, f"/deliveries/{event['id']}/body")
        await story.look(http, f"/api/v1/events/{event['id']}", headers=as_admin)
        await story.look(http, f"/api/v1/deliveries/{event['id']}/replay", method="POST", headers=as_admin)


async def test_no_secret_is_in_a_log_a_table_an_answer_or_a_page(folder: Path) -> None:
    pretend = FakeCircleCI(token=SECRETS["ROUNDSMAN_CIRCLECI_TOKEN"], owner=ADA, projects=PROJECTS)
    pretend.faults.next("/workflow/*", broken(401, "Invalid token provided: fake-circleci-token"))
    story = Story(folder=folder)
    with internet() as end, logged(logging.DEBUG) as talk:
        logging.getLogger().setLevel(logging.DEBUG)  # nobody can ask for more
        mirror = Answer(status=403, body=SECRETS["CHANNEL_PATH"].encode())  # a server that says our token back
        end.behave(Answer(status=500), HangUp(), mirror, Answer(), Answer(status=404))
        await happen(story, end, pretend)

    assert len(talk.lines) > 50
    assert len(story.said) > 100
    assert {"log": found(talk.getvalue()), "answers": found("\n".join(story.said)), "tables": found(story.tables)} == {
        "log": [],
        "answers": [],
        "tables": [],
    }


def test_secret_is_found_in_every_encoding() -> None:
    password = SECRETS["CHANNEL_PASSWORD"]

    for text in (password, quote(password, safe=""), base64.b64encode(f"ci:{password}".encode()).decode()):
        assert found(f"... {text} ...") == [password]
