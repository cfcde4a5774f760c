"""Each endpoint with each fault of the other end: what is raised, and that nothing is asked twice."""

import inspect
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, connect
from service.circleci.api.endpoints import ENDPOINTS
from service.clock import now_utc
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from tests.circleci import areas
from tests.circleci.exchanges import new_fake
from tests.circleci.test_endpoints import TEXTS
from tests.support.long_cases import few_and_long

HTML = httpx.Response(200, html="<html>back soon</html>")
CUT = httpx.Response(200, content=b'{"items": [{"id": "a"', headers={"content-type": "application/json"})
FAULTS: dict[str, tuple[httpx.Response | Exception, type[Exception], str]] = {
    "401": (httpx.Response(401, json={"message": "Invalid token provided."}), Permanent, "401"),
    "403": (httpx.Response(403, json={"message": "Permission denied."}), Permanent, "403"),
    "404": (httpx.Response(404, json={"message": "Not found"}), Permanent, "404"),
    "404 of v3": (httpx.Response(404, json={"error": {"type": "not_found", "id": "e1"}}), Permanent, "404"),
    "410": (httpx.Response(410, json={"message": "Gone"}), Permanent, "410"),
    "429 with a wait": (httpx.Response(429, headers={"retry-after": "7"}), Temporary, "429"),
    "429 without": (httpx.Response(429), Temporary, "429"),
    "500": (httpx.Response(500, json={"message": "Internal error"}), Temporary, "500"),
    "503 in HTML": (httpx.Response(503, html="<html>down</html>"), Temporary, "503"),
    "a redirect": (httpx.Response(302, headers={"location": "https://elsewhere.example.com/"}), Permanent, "redirect"),
    "HTML": (HTML, Temporary, "not JSON"),
    "truncated": (CUT, Temporary, "not JSON"),
    "slow": (httpx.ReadTimeout("slow"), Temporary, "in time"),
    "reset": (httpx.ReadError("reset"), Temporary, "CircleCI at"),
    "hung up": (httpx.RemoteProtocolError("hung up"), Temporary, "hung up"),
}
NOT_PARSED = {*TEXTS, "test_lines"}  # their answers are read as they come


@contextmanager
def one_call(api: CircleCIAPI, name: str) -> Iterator[Awaitable[Any]]:
    """Yield the call of one endpoint; the others are never made."""
    calls = areas.calls(api, new_fake())
    try:
        yield calls[name]
    finally:
        for call in calls.values():
            if inspect.iscoroutine(call):
                call.close()


async def fault(name: str, answer: httpx.Response | Exception) -> tuple[Exception | None, list[httpx.Request]]:
    """Return what a call raises for an answer, and the requests that it made."""
    asked: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    client = Client(connect("http://ci", "good-token", httpx.MockTransport(respond)), metrics=Metrics(), clock=now_utc)
    try:
        with one_call(CircleCIAPI(client), name) as call:
            await call
    except (Temporary, Permanent) as error:
        return error, asked
    finally:
        await client.close()
    return None, asked


@pytest.mark.parametrize("kind", few_and_long(FAULTS, every=7))
async def test_each_endpoint_says_what_happened_and_changes_nothing_twice(kind: str) -> None:
    answer, expected, words = FAULTS[kind]
    is_of_body = kind in {"HTML", "truncated"}
    wrong = []
    for name in ENDPOINTS:
        error, asked = await fault(name, answer)
        if is_of_body and (name in NOT_PARSED or error is None):
            continue
        is_asked_again = kind == "hung up" and ENDPOINTS[name].method == "GET" and name != "test_lines"
        if not isinstance(error, expected) or words not in str(error) or len(asked) != 1 + is_asked_again:
            wrong.append(f"{name}: {error!r}, asked {len(asked)} times")

    assert wrong == []
