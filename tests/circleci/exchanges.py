"""A call of each endpoint of CircleCI's API, and the answer of the fake to it."""

import json
import re
from dataclasses import dataclass
from typing import Any

import httpx

from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, connect
from service.circleci.api.endpoint import Endpoint
from service.clock import now_utc
from service.metrics import Metrics
from service.testing.fake_circleci.organization import ADA, PROJECTS
from service.testing.fake_circleci.server import FakeCircleCI
from tests.circleci import areas


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request and its answer.

    name   the endpoint that it is a call of
    path   below the version, percent-encoded
    body   of the request; None: it has none
    """

    name: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    status: int
    answer: Any


class Recorder(httpx.AsyncBaseTransport):
    """The way to the fake CircleCI, which keeps all that passes."""

    def __init__(self, fake: FakeCircleCI) -> None:
        self._transport = httpx.ASGITransport(fake.app)
        self.passed: list[tuple[httpx.Request, int, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, and keep it with its answer."""
        response = await self._transport.handle_async_request(request)
        body = await response.aread()
        self.passed.append((request, response.status_code, body))
        return httpx.Response(response.status_code, headers=response.headers, content=body)


def new_fake() -> FakeCircleCI:
    """Return a fake with the projects of the example organization."""
    return FakeCircleCI(token="good-token", owner=ADA, projects=PROJECTS)


async def exchanges() -> list[Exchange]:
    """Return what passes when each endpoint is called once."""
    fake = new_fake()
    recorder = Recorder(fake)
    client = Client(connect("http://ci", "good-token", recorder), metrics=Metrics(), clock=now_utc)
    found = []
    for name, call in areas.calls(CircleCIAPI(client), fake).items():
        await call
        found.append(_exchange(name, *recorder.passed[-1]))
    await client.close()
    return found


def _exchange(name: str, request: httpx.Request, status: int, answer: bytes) -> Exchange:
    path = request.url.raw_path.decode().partition("?")[0]
    return Exchange(
        name=name,
        method=request.method,
        path=re.sub("^/api/v[0-9.]+", "", path),
        query=dict(request.url.params),
        body=json.loads(request.content) if request.content else None,
        status=status,
        answer=_json_or_none(answer),
    )


def _json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:  # a log, or a line for each item
        return None


def fits(path: str, endpoint: Endpoint) -> bool:
    """Return whether a path is one of an endpoint."""
    pattern = re.escape(endpoint.path).replace(r"\{", "{").replace(r"\}", "}")
    pattern = (
        pattern.replace("{slug}", "[^/]+/[^/]+/[^/]+").replace("{org}", "[^/]+/[^/]+").replace("{number}", "[0-9]+")
    )
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path) is not None
