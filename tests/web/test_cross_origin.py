"""Requests that a browser sends for a page of another origin: none changes anything, whichever way it is told."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from service.db.tables import metadata
from tests.support.app_fixture import RED, Instance, an_instance
from tests.support.operator_client import ADMIN_TOKEN
from tests.test_hostile_data import filled_in, routes

PUBLIC_URL = "https://ci.example.com"
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
Headers = list[tuple[str, str]]

FOREIGN: dict[str, Headers] = {
    "cross-site without Origin": [("Sec-Fetch-Site", "cross-site")],
    "cross-site with our origin": [("Origin", PUBLIC_URL), ("Sec-Fetch-Site", "cross-site")],
    "a sibling domain": [("Origin", "https://other.example.com"), ("Sec-Fetch-Site", "same-site")],
    "a sibling domain without Origin": [("Sec-Fetch-Site", "same-site")],
    "a sibling domain in an old browser": [("Origin", "https://other.example.com")],
    "the parent domain in an old browser": [("Origin", "https://example.com")],
    "another port": [("Origin", f"{PUBLIC_URL}:8443"), ("Sec-Fetch-Site", "same-site")],
    "another port in an old browser": [("Origin", f"{PUBLIC_URL}:8443")],
    "the port of HTTP with HTTPS": [("Origin", f"{PUBLIC_URL}:80")],
    "the same host without TLS": [("Origin", "http://ci.example.com")],
    "null in an old browser": [("Origin", "null")],
    "null of a sandboxed frame": [("Origin", "null"), ("Sec-Fetch-Site", "cross-site")],
    "a longer host": [("Origin", "https://ci.example.com.evil.example")],
    "a host with our name as a user": [("Origin", "https://ci.example.com@evil.example")],
    "no host": [("Origin", "https://")],
    "an extension": [("Origin", "moz-extension://ci.example.com")],
    "a file": [("Origin", "file://")],
    "brackets": [("Origin", "https://[evil")],
    "an empty Origin": [("Origin", "")],
    "an unknown site": [("Sec-Fetch-Site", "")],
    "two origins": [("Origin", PUBLIC_URL), ("Origin", "https://evil.example")],
    "two sites": [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")],
}
OWN: dict[str, Headers] = {
    "a program": [],
    "a new browser": [("Origin", PUBLIC_URL), ("Sec-Fetch-Site", "same-origin")],
    "a new browser behind a proxy that changes Host": [
        *(("Host", "roundsman.internal:8000"), ("Origin", "https://alias.example.com")),
        ("Sec-Fetch-Site", "same-origin"),
    ],
    "an address that was typed": [("Sec-Fetch-Site", "none")],
    "an old browser": [("Origin", PUBLIC_URL)],
    "an old browser with capitals": [("Origin", "HTTPS://CI.Example.com")],
    "an old browser behind a proxy that changes Host": [("Host", "roundsman.internal:8000"), ("Origin", PUBLIC_URL)],
    "an old browser past the proxy": [("Host", "127.0.0.1:8000"), ("Origin", "http://127.0.0.1:8000")],
    "an old browser with the port in Host": [("Host", "other.internal:443"), ("Origin", "https://other.internal")],
}


@pytest.fixture
async def public(folder: Path) -> AsyncIterator[Instance]:
    """An instance behind a proxy, with a dead letter of each kind."""
    async with an_instance(folder, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL) as instance:
        await instance.finish(RED)
        await instance.send(b"{}")
        await instance.drain()
        yield instance


def calling(instance: Instance) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(instance.service.asgi, client=("192.0.2.1", 4711))
    return httpx.AsyncClient(transport=transport, base_url=PUBLIC_URL)


def on_disk(instance: Instance) -> dict[str, list[object]]:
    """Every row, but for the heartbeats, which a check of readiness writes."""
    tables = [table.name for table in metadata.sorted_tables if table.name != "heartbeats"]
    return {name: sorted(instance.rows(f"SELECT * FROM {name}"), key=repr) for name in tables}  # noqa: S608 - our names


def addresses(instance: Instance, method: str) -> list[str]:
    """Each address with this method but the webhook's, for a subject that is there."""
    dead = {
        "deliveries": instance.rows("SELECT id FROM deliveries WHERE state = 'dead'")[0][0],
        "notifications": instance.rows("SELECT id FROM notifications")[0][0],
    }
    paths = [path for wanted, path in routes(instance) if wanted == method and not path.startswith("/hooks/")]
    return [filled_in(path, dead["notifications" if "/notifications/" in path else "deliveries"]) for path in paths]


async def logged_in(instance: Instance) -> str:
    async with calling(instance) as client:
        answer = await client.post("/login", data={"token": ADMIN_TOKEN})
    return str(answer.headers["set-cookie"]).partition(";")[0]


def credential(address: str, cookie: str) -> Headers:
    return [*BEARER.items()] if address.startswith("/api/") else [("Cookie", cookie)]


@pytest.mark.long
async def test_a_page_of_another_origin_changes_nothing(public: Instance) -> None:
    cookie, answers = await logged_in(public), []
    before, forged = on_disk(public), {"token": ADMIN_TOKEN, "because": "forged"}
    async with calling(public) as client:
        for name, headers in FOREIGN.items():
            for address in addresses(public, "POST"):
                answer = await client.post(address, headers=[*headers, *credential(address, cookie)], data=forged)
                answers.append((name, address, answer))

    assert len(answers) > 10 * len(FOREIGN)
    assert [(name, address) for name, address, answer in answers if answer.status_code != 403] == []
    assert [(name, address) for name, address, answer in answers if "set-cookie" in answer.headers] == []
    assert all("sent by a page of another site" in answer.text for _, _, answer in answers)
    assert on_disk(public) == before


@pytest.mark.long
async def test_our_own_pages_and_programs_may_act(public: Instance) -> None:
    answers, acts = [], addresses(public, "POST")
    async with calling(public) as client:
        for name, headers in OWN.items():
            for address in acts:
                cookie = await logged_in(public)  # some of them end sessions
                form = {"token": ADMIN_TOKEN}
                answer = await client.post(address, headers=[*headers, *credential(address, cookie)], data=form)
                answers.append((name, address, answer))

    allowed = {200, 202, 303, 400, 404, 409}  # no act that needs words of a person is complete here
    assert [(name, address) for name, address, answer in answers if answer.status_code not in allowed] == []
    assert [one for *one, answer in answers if "/login?" in answer.headers.get("location", "")] == []
    assert {verb for (verb,) in public.rows("SELECT verb FROM actions")} == {"replay", "resend", "end_session"}


async def test_looking_changes_nothing(public: Instance, is_long: bool) -> None:
    cookie = await logged_in(public)
    before, credentials = on_disk(public), [*BEARER.items(), ("Cookie", cookie)]
    async with calling(public) as client:
        for headers in ([], *(FOREIGN.values() if is_long else [*FOREIGN.values()][::8])):
            for address in dict.fromkeys([*addresses(public, "GET"), *addresses(public, "POST")]):
                await client.get(address, headers=[*headers, *credentials])
        for address in addresses(public, "GET"):
            await client.head(address, headers=credentials)

    assert on_disk(public) == before


async def test_a_session_cannot_act_at_the_api(public: Instance) -> None:
    cookie = await logged_in(public)
    async with calling(public) as client:
        acts = [address for address in addresses(public, "POST") if address.startswith("/api/")]
        answers = [await client.post(address, headers={"Cookie": cookie}) for address in acts]

    assert {one.status_code for one in answers} == {401}
    assert public.rows("SELECT * FROM actions") == []


async def test_without_a_public_url_host_tells_which_origin_is_ours(instance: Instance) -> None:
    async with calling(instance) as client:
        statuses = {}
        for origin in ("http://box.internal:8000", "https://box.internal:8000", "http://box.internal", "null"):
            headers = {"Host": "box.internal:8000", "Origin": origin}
            statuses[origin] = (await client.post("/login", headers=headers, data={"token": ADMIN_TOKEN})).status_code

    assert [*statuses.values()] == [303, 303, 403, 403]
