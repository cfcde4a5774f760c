"""A page, or an answer of the API, is one transaction: all it shows is of one moment."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
from sqlalchemy import Connection, Engine, event

from service.testing import sample_runs
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, ping
from service.web.pages.pages import PAGES as PAGES_BY_PATH
from service.web.pages.pages import TWINS
from tests.support.app_fixture import GREEN, MONDAY, RED, Instance
from tests.web.test_api import asked

pytestmark = pytest.mark.databases("sqlite", "postgres")

PAGES = (
    "/builds",
    "/builds?event=any",
    "/builds?event=any&q=acme",
    "/builds?branch=nowhere",
    "/builds?since=someday",
    "/builds?actor=nobody",
)
UNREAD = (
    "/login",
    "/static",
    "/api",
    "/events",
    "/deliveries",
    "/builds/{id}",
    "/incidents/{id}",
    "/trigger",
    "/health/test",
)
"""The beginnings of paths that are no page, or ask CircleCI, or need the id of another thing than a test."""
CHECKING = "/health"
"""The page that tries each part by itself, so that one that fails or is slow does not take the others along."""
ANSWERS = (
    *("/api/v1/events", "/api/v1/events?q=acme&status=failed", "/api/v1/events?actor=nobody"),
    *("/api/v1/notifications", "/api/v1/dead-letters", "/api/v1/dead-letters?dismissed=true"),
)


@dataclass
class Reads:
    """The statements that readers sent: the number of those that began a transaction, and those outside of any."""

    transactions: int = 0
    alone: list[str] = field(default_factory=list)


@contextmanager
def counted() -> Iterator[Reads]:
    reads, within = Reads(), list[Connection]()

    def count(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("BEGIN"):
            reads.transactions += 1
            within.append(connection)
        elif not any(connection is one for one in within):
            reads.alone.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield reads
    finally:
        event.remove(Engine, "before_cursor_execute", count)


async def expect_one_transaction(client: httpx.AsyncClient, path: str, *, session: bool) -> None:
    with counted() as reads:
        response = await client.get(path)

    assert response.status_code in {200, 400}, f"{path}: {response.text}"
    assert reads.transactions == 1, path
    assert all("FROM sessions" in statement for statement in reads.alone), (path, reads.alone)
    assert len(reads.alone) == session, (path, reads.alone)


def path_of(route: str, named: Mapping[str, str]) -> str:
    """The path of a route whose parameters are these."""
    for name, value in named.items():
        route = route.replace(name, value)
    return route


async def filled(instance: Instance) -> str:
    """The id of a build in an instance that has a green one and a red one after it, whose tests are known."""
    for run in (GREEN, replace(RED, number=GREEN.number + 1)):
        instance.pretend.run_finished(run)
        await instance.finish(run)
        await instance.drain()
    event_id: str = (await asked(instance))["items"][0]["id"]
    return event_id


async def a_test(instance: Instance) -> str:
    """The id of a test in its address."""
    found = re.search(r'href="/tests/([0-9a-f-]{36})"', (await instance.http.get("/tests")).text)
    assert found
    return found[1]


async def log_in(instance: Instance) -> None:
    instance.http.cookies.set(
        "roundsman", (await instance.http.get("/builds")).request.headers["Cookie"].partition("=")[2]
    )


@pytest.mark.long
async def test_each_page_is_one_transaction_beside_its_session_and_can_stand_still(instance: Instance) -> None:
    build = await filled(instance)
    waiting = await instance.post(ping(WEB, sample_runs.clock(MONDAY, "08:30")))  # a delivery without an event
    named = {"{id}": await a_test(instance), "{name:path}": "acme/web"}
    own = [path_of(path, named) for path in PAGES_BY_PATH if not path.startswith(UNREAD)]
    await log_in(instance)

    for path in (
        *PAGES,
        *(one for one in own if one != CHECKING),
        f"/builds/{build}",
        f"/builds/{waiting}",
        "/projects/acme/web/build-and-test",
    ):
        await expect_one_transaction(instance.http, path, session=True)
    every = (*PAGES, *own)
    plain = {path: (await instance.http.get(path)).status_code for path in every}
    still = {
        path: (await instance.http.get(f"{path}{'&' if '?' in path else '?'}still=1")).status_code for path in every
    }

    assert len(own) > 12
    assert still == plain


@pytest.mark.long
async def test_each_twin_takes_what_stops_its_page(instance: Instance) -> None:
    build = await filled(instance)
    await log_in(instance)
    named = {"{name:path}": "acme/web", "/builds/{id}": f"/builds/{build}", "{id}": await a_test(instance)}

    answers = {path: await instance.http.get(f"{path_of(path, named)}?still=1") for path in TWINS}

    assert {path: answer.text for path, answer in answers.items() if answer.status_code != 200} == {}


@pytest.mark.long
async def test_each_answer_of_the_api_is_one_transaction(instance: Instance) -> None:
    instance.pretend.run_finished(RED)
    await instance.finish(RED)
    await instance.drain()
    event_id = (await asked(instance))["items"][0]["id"]

    for path in (*ANSWERS, f"/api/v1/events/{event_id}"):
        await expect_one_transaction(instance.http, path, session=False)


async def test_the_page_of_the_first_run_is_one_transaction(instance: Instance) -> None:
    await instance.http.post(
        "/hooks/circleci", content=as_bytes(ping(WEB, sample_runs.clock(MONDAY, "08:30")))
    )  # refused: it is not signed
    await log_in(instance)

    await expect_one_transaction(instance.http, "/builds", session=True)
