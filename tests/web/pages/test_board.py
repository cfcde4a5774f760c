"""The board: a tile for each project, opened by a session, a token or its own address."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest

from service.web.auth.signed_addresses import AddressSigner
from tests.support.app_fixture import GREEN, RED, RED_TO_WEB, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.pages_fixture import text

READ_TOKEN = "an-invented-read-token-of-many-characters"
BEARER = {"authorization": f"Bearer {ADMIN_TOKEN}"}


@pytest.fixture
async def readable(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, RED_TO_WEB, ROUNDSMAN_READ_TOKEN=READ_TOKEN) as instance:
        yield instance


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
async def test_a_project_is_a_tile_with_its_state(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    red = await instance.http.get("/board?project=ACME/*")
    await instance.finish(GREEN)
    await instance.drain()
    green = await instance.http.get("/board")

    assert "✕ 1 of 1 workflow red" in text(red)
    assert "acme/web ✕ 1 of 1 red" in text(red)
    assert "<title>(1) red · Board · Roundsman</title>" in red.text
    assert "✓ 1 workflow green" in text(green)
    assert "/static/favicon.svg" in green.text
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in red.text
    assert ("<nav" in red.text, 'data-live="/live?since=' in red.text) == (False, True)


async def test_projects_that_do_not_fit_are_left_out(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    found = [
        len((await instance.http.get(f"/board.json?{query}", headers=BEARER)).json()["projects"])
        for query in ("project=gh/acme/*", "project=web", "project=other/*", "organization=acme", "team=web", "team=no")
    ]

    assert found == [1, 1, 0, 1, 1, 0]


async def test_its_own_address_opens_it_and_no_other(readable: Instance) -> None:
    address = "/board?project=acme/*"
    access = httpx.ASGITransport(readable.service.asgi, client=("127.0.0.1", 4711))
    async with httpx.AsyncClient(transport=access, base_url="http://127.0.0.1:8000") as stranger:
        bare = await stranger.get(address)
        opened = await stranger.get(AddressSigner(READ_TOKEN).sign(address))
        other = await stranger.get(AddressSigner(READ_TOKEN).sign(address).replace("acme", "corp"))

    assert (bare.status_code, opened.status_code, other.status_code) == (303, 200, 303)


async def test_a_board_by_its_own_address_follows_what_happens(readable: Instance) -> None:
    access = httpx.ASGITransport(readable.service.asgi, client=("127.0.0.1", 4711))
    async with httpx.AsyncClient(transport=access, base_url="http://127.0.0.1:8000") as stranger:
        board = await stranger.get(AddressSigner(READ_TOKEN).sign("/board"))
        [live] = re.findall('data-live="([^"]*)"', board.text)
        still = await stranger.get(AddressSigner(READ_TOKEN).sign("/board?still=1"))
        refused = [await stranger.get(path) for path in ("/live", unescape(live).replace("since=", "since=x"))]
        readable.service.stop()  # which ends a stream at once
        opened = await stranger.get(unescape(live))

    assert [one.status_code for one in refused] == [401, 401]
    assert (opened.status_code, opened.headers["content-type"][:17]) == (200, "text/event-stream")
    assert ("data-version" in still.text, "<script" in still.text) == (False, False)


async def test_what_means_nothing_is_refused(instance: Instance) -> None:
    assert (await instance.http.get("/board?mine=ada")).status_code == 400
