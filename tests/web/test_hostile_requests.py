"""Requests that were made to hurt: none of them takes longer than it is long, and none leads people elsewhere."""

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from service.metrics import Metrics
from service.web.request_log import RequestLog, RequestLogMiddleware
from tests.support.app_fixture import Instance
from tests.support.log_capture import logged
from tests.support.raw_client import connected, echoing, statuses

QUOTED = 'roundsman="' + '\\"' * 30_000 + '"'


@pytest.mark.parametrize(
    ("cookies", "seen"),
    [
        ([QUOTED], {}),
        (['roundsman="' + "\\134" * 10_000 + '"; roundsman=mine'], {"roundsman": "mine"}),
        (['a="quoted"; roundsman=mine; b=1'], {"roundsman": "mine", "b": "1"}),
        (["a=1; b=2"], {"a": "1", "b": "2"}),
    ],
)
async def test_a_quoted_cookie_is_not_parsed(cookies: list[str], seen: dict[str, str]) -> None:
    """A Python that unquotes in the square of a cookie's length is then as good as another."""
    found: list[dict[str, str]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        found.append(dict(Request(scope).cookies))

    async def receive() -> Message:
        return {}

    async def send(_message: Message) -> None:
        pass

    headers = [(b"cookie", cookie.encode()) for cookie in cookies]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    await RequestLogMiddleware(app, log=RequestLog(Metrics()))(scope, receive, send)

    assert found == [seen]


async def test_a_cookie_larger_than_any_browser_keeps_is_refused(instance: Instance) -> None:
    async with echoing(app=instance.service.asgi) as url, connected(url) as wire:
        await wire.send(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {QUOTED}\r\n\r\n".encode())

        assert statuses(await wire.rest()) == [431]


@pytest.mark.parametrize("path", ["/builds/x/", "/hooks/circleci//", "/login/", "/api/v1/events/", "/healthz/", "//"])
async def test_no_answer_leads_to_the_host_that_a_request_names(instance: Instance, path: str) -> None:
    async with instance.stranger() as http:
        for method in ("GET", "POST"):
            response = await http.request(method, path, headers={"host": "elsewhere.example.com"})

            assert response.status_code in {303, 401, 403, 404, 405}
            assert "elsewhere.example.com" not in str(response.headers)


async def test_a_parameter_that_stands_twice_is_found_and_too_many_are_not_looked_through(instance: Instance) -> None:
    many = "&".join(f"p{number}=1" for number in range(101))
    paths = {
        "/api/v1/events?limit=1&limit=2": "'limit' stands twice; give it once",
        f"/api/v1/events?{many}": "there are 101 parameters; no request needs more than 100",
        f"/api/v1/dead-letters?{many}": "there are 101 parameters; no request needs more than 100",
    }

    found = {path: await instance.http.get(path) for path in paths}

    assert {response.status_code for response in found.values()} == {400}
    assert {path: response.json()["error"] for path, response in found.items()} == paths


async def test_a_refused_post_is_logged_with_the_client_that_a_proxy_names(instance: Instance) -> None:
    with logged() as talk:
        async with echoing(app=instance.service.asgi) as url, httpx.AsyncClient(trust_env=False) as http:
            await http.post(f"{url}/hooks/circleci", headers={"x-forwarded-for": "203.0.113.9"})

    assert [line["client"] for line in talk.lines if line["event"] == "delivery"] == ["203.0.113.9"]
