"""The other ends, which answer at once or after a time that was asked for: CircleCI's API, and channels."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.testing.fake_circleci import responses
from service.testing.fake_circleci.organization import ADA
from service.testing.fake_circleci.payloads import Payload
from service.web.server.server import listen, serving
from tests.support.app_fixture import RED

FAILED = next(job for job in RED.jobs if job.status == "failed")
ANSWERS: dict[str, Payload] = {
    "/user/{id}": responses.user(ADA),
    "/workflow/{id}": responses.workflow(RED),
    "/pipeline/{id}/values": {},
    "/workflow/{id}/job": {"items": responses.workflow_jobs(RED), "next_page_token": None},
    "/pipeline/{id}": responses.pipeline(RED),
    "/project/{slug:path}/job/{number:int}": responses.job(RED, FAILED),
    "/project/{slug:path}/{number:int}/tests": {
        "items": [responses.test(result) for result in FAILED.tests],
        "next_page_token": None,
    },
    # What the service asks of each project now and then, whatever is measured meanwhile.
    "/project/{vcs}/{organization}/{name}": responses.project(RED.project),
    "/insights/{vcs}/{organization}/{name}/branches": responses.branches(RED.project, ["main"]),
}


class Upstream:
    """Both ends at one address; answers for every run as for one.

    delay_s   how long an answer of CircleCI takes
    asked     calls to CircleCI
    told      messages to the channels
    unknown   calls that it has no answer for
    heard     set with each message
    """

    def __init__(self, delay_s: float = 0.0) -> None:
        self.delay_s = delay_s
        self.asked = 0
        self.told = 0
        self.unknown: list[str] = []
        self.heard = asyncio.Event()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Serve while the block runs; yield the address."""
        api = [Route(f"/api/v2{path}", self._answering(answer)) for path, answer in ANSWERS.items()]
        told = Route("/told/{channel:int}", self._hear, methods=["POST"])
        app = Starlette(routes=[*api, told, Route("/{path:path}", self._refuse)])
        async with serving(app, listen("127.0.0.1", 0)) as address:
            yield address
        assert not self.unknown, self.unknown

    def _answering(self, answer: Payload) -> Callable[[Request], Awaitable[Response]]:
        async def respond(_: Request) -> Response:
            self.asked += 1
            await asyncio.sleep(self.delay_s)
            return JSONResponse(answer)

        return respond

    async def _hear(self, request: Request) -> Response:
        await request.body()
        self.told += 1
        self.heard.set()
        return Response()

    async def _refuse(self, request: Request) -> Response:
        self.unknown.append(request.url.path)
        return Response(status_code=404)
