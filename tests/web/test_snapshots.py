"""A page, or an answer of the API, is one transaction: all it shows is of one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from sqlalchemy import Connection, Engine, event

from service.testing import sample_runs
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import as_bytes, ping
from tests.app_fixture import GREEN, MONDAY, RED, House
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


async def log_in(house: House) -> None:
    house.http.cookies.set("roundsman", (await house.http.get("/builds")).request.headers["Cookie"].partition("=")[2])


@pytest.mark.long
async def test_each_page_is_one_transaction_beside_its_session(house: House) -> None:
    house.pretend.run_finished(RED)
    await house.finish(RED)
    await house.finish(GREEN)
    await house.drain()
    event_id = (await asked(house))["items"][0]["id"]
    waiting = await house.post(ping(WEB, sample_runs.clock(MONDAY, "08:30")))  # a delivery without an event
    await log_in(house)

    for path in (
        *PAGES,
        f"/builds/{event_id}",
        f"/builds/{waiting}",
        "/dead-letters",
        "/silences",
        "/known-problems",
        "/settings",
        "/usage",
        "/incidents",
    ):
        await expect_one_transaction(house.http, path, session=True)


@pytest.mark.long
async def test_each_answer_of_the_api_is_one_transaction(house: House) -> None:
    house.pretend.run_finished(RED)
    await house.finish(RED)
    await house.drain()
    event_id = (await asked(house))["items"][0]["id"]

    for path in (*ANSWERS, f"/api/v1/events/{event_id}"):
        await expect_one_transaction(house.http, path, session=False)


async def test_the_page_of_the_first_run_is_one_transaction(house: House) -> None:
    await house.http.post(
        "/hooks/circleci", content=as_bytes(ping(WEB, sample_runs.clock(MONDAY, "08:30")))
    )  # refused: it is not signed
    await log_in(house)

    await expect_one_transaction(house.http, "/builds", session=True)
