"""The stream of changes that open pages listen to."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from service.app.limits import Limits
from service.db.database import Store
from service.errors import Temporary
from service.model import Action
from service.store.audit import actions
from service.store.reports.changes import read_version
from service.web.live.changes import Changes, LiveLimits, max_listeners
from service.web.server.server import listen, serving
from tests.support.app_fixture import NINE, RED, SETTLED_WITHIN_S, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN

pytestmark = pytest.mark.databases("sqlite", "postgres")
QUICK = LiveLimits(max_listeners=2, pause_s=0.01, poll_s=0.2, keepalive_s=0.2, lifetime_s=60)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, limits=Limits(live=QUICK)) as instance, instance.service.running():
        yield instance


@pytest.fixture
async def browser(instance: Instance) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a real server that is logged in."""
    async with (
        serving(instance.service.asgi, listen("127.0.0.1", 0)) as url,
        httpx.AsyncClient(base_url=url, timeout=SETTLED_WITHIN_S) as client,
    ):
        await client.post("/login", data={"token": ADMIN_TOKEN}, headers={"Origin": url})
        yield client
        instance.service.stop()


def lines(response: httpx.Response) -> AsyncIterator[str]:
    """The lines of a stream that say something."""

    async def told() -> AsyncIterator[str]:
        async for line in response.aiter_lines():
            if line and not line.startswith((":", "retry")):
                yield line

    return told()


async def version_of(client: httpx.AsyncClient) -> str:
    page = (await client.get("/builds")).text
    return page.partition('data-version="')[2].partition('"')[0]


@pytest.mark.long
async def test_a_page_hears_of_a_build_and_of_none_that_it_has(browser: httpx.AsyncClient, instance: Instance) -> None:
    before = await version_of(browser)
    async with browser.stream("GET", "/live", params={"since": before}) as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = lines(stream)
        await instance.finish(RED)
        async with asyncio.timeout(SETTLED_WITHIN_S):
            first, data = await anext(told), await anext(told)
    after = await version_of(browser)

    assert (first.startswith("id: "), data) == (True, "data: changed")
    assert after != before


@pytest.mark.long
async def test_a_page_that_missed_a_change_is_told_at_once(browser: httpx.AsyncClient, instance: Instance) -> None:
    missed = await version_of(browser)
    await instance.finish(RED)
    await instance.drain()

    async with asyncio.timeout(SETTLED_WITHIN_S):
        async with browser.stream("GET", "/live", headers={"Last-Event-ID": missed}) as stream:
            first = await anext(lines(stream))  # which version: its message may be on the way still

    assert first.startswith("id: ")
    assert first != f"id: {missed}"


@pytest.mark.long
async def test_a_page_hears_of_an_act_on_what_it_shows(browser: httpx.AsyncClient, instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    [incident] = (await instance.http.get("/api/v1/incidents")).json()["items"]
    seen = {await version_of(browser)}

    for act in ("take", "release", "mute"):
        async with browser.stream("GET", "/live", params={"since": await version_of(browser)}) as stream:
            told = lines(stream)
            done = await instance.http.post(f"/api/v1/incidents/{incident['id']}/{act}", json={})
            async with asyncio.timeout(SETTLED_WITHIN_S):
                assert (done.status_code, (await anext(told))[:4]) == (200, "id: ")
        seen.add(await version_of(browser))

    assert len(seen) == 4


@pytest.mark.long
async def test_a_page_hears_of_an_act_of_another_process(browser: httpx.AsyncClient, instance: Instance) -> None:
    other = Store(instance.database.url)  # as a command opens it: nothing wakes this process
    act = Action(verb="take", subject_id=uuid4(), who="ada", at=instance.clock())
    async with browser.stream("GET", "/live", params={"since": await version_of(browser)}) as stream:
        told = lines(stream)
        await other.write(actions.record, act)
        async with asyncio.timeout(SETTLED_WITHIN_S):
            first = await anext(told)
    await other.close()

    assert first.startswith("id: ")


async def test_acts_of_one_moment_and_of_a_slow_clock_count_too(instance: Instance) -> None:
    store, versions = instance.service.context.store, set()
    for seconds in (0, 0, 0, -60, 1):
        act = Action(verb="take", subject_id=uuid4(), who="ada", at=NINE + timedelta(seconds=seconds))
        await store.write(actions.record, act)
        versions.add(await store.read(read_version))

    assert len(versions) == 5
    assert all(re.fullmatch(r"[\w=.-]{1,200}", version) for version in versions)


async def test_streams_end_when_the_database_goes_away() -> None:
    async def read() -> str:
        raise Temporary("the database is away")

    changes = Changes(read, LiveLimits(keepalive_s=SETTLED_WITHIN_S))
    looking = asyncio.create_task(changes.run())
    async with asyncio.timeout(SETTLED_WITHIN_S):
        heard = [version async for version in changes.versions("")]
    looking.cancel()

    assert heard == []


@pytest.mark.long
async def test_a_quiet_stream_shows_signs_of_life(browser: httpx.AsyncClient) -> None:
    async with browser.stream("GET", "/live", params={"since": await version_of(browser)}) as stream:
        said = stream.aiter_lines()
        async with asyncio.timeout(SETTLED_WITHIN_S):
            while await anext(said) != ": still here":
                pass


async def test_more_pages_than_a_process_tells_are_asked_to_poll(browser: httpx.AsyncClient) -> None:
    async with browser.stream("GET", "/live") as one, browser.stream("GET", "/live") as other:
        begun = [one.aiter_lines(), other.aiter_lines()]
        for each in begun:
            await anext(each)
        refused = await browser.get("/live")

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert "pages are open here" in refused.json()["error"]


async def test_a_stranger_hears_nothing(instance: Instance) -> None:
    async with serving(instance.service.asgi, listen("127.0.0.1", 0)) as url, httpx.AsyncClient(base_url=url) as client:
        refused = await client.get("/live", headers={"Accept": "text/event-stream"})
        page = await client.get("/login")

    assert refused.status_code == 401
    assert "data-version" not in page.text
    assert "<script" not in page.text


async def test_a_process_that_stops_ends_the_streams(browser: httpx.AsyncClient, instance: Instance) -> None:
    async with asyncio.timeout(SETTLED_WITHIN_S):
        async with browser.stream("GET", "/live") as stream:
            async for _ in stream.aiter_lines():
                instance.service.stop()


@pytest.mark.parametrize(("descriptors", "listeners"), [(256, 16), (1_024, 200), (65_536, 200)])
def test_streams_leave_most_connections_to_posts(descriptors: int, listeners: int) -> None:
    assert max_listeners(descriptors) == listeners
