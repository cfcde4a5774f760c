"""Endpoints that a CircleCI Server does not have and answers with 500."""

from dataclasses import replace

import httpx
import pytest

from service.circleci.api.client import Client
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from tests.circleci.test_client import Clock

ME = Call(endpoint=ENDPOINTS["me"])
LACKING = Call(endpoint=replace(ENDPOINTS["me"], path="/cloud/only"))


class Server:
    """A CircleCI server that answers as told, and a client that asks it."""

    def __init__(self, **answers: int) -> None:
        self.answers = answers
        self.clock = Clock()
        http = httpx.AsyncClient(base_url="https://ci.example.com", transport=httpx.MockTransport(self._answer))
        self.client = Client(http, metrics=Metrics(), clock=self.clock)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.answers[request.url.path.rpartition("/")[2]], json={"id": "x"})

    async def fails(self, call: Call, times: int) -> list[type[Exception]]:
        """Ask again and again, every 20 seconds; how each of it failed."""
        kinds: list[type[Exception]] = []
        for _ in range(times):
            with pytest.raises((Temporary, Permanent)) as refused:
                await self.client.ask(call, UserShape)
            kinds.append(Permanent if isinstance(refused.value, Permanent) else Temporary)
            self.clock.passes(20)
        return kinds


@pytest.mark.parametrize("status", [500, 501])
async def test_path_that_never_worked_while_others_do_is_missing(status: int) -> None:
    server = Server(me=200, only=status)
    await server.client.ask(ME, UserShape)

    assert await server.fails(LACKING, 6) == [Temporary] * 4 + [Permanent] * 2
    with pytest.raises(
        Permanent, match=f"answered {status} to GET /cloud/only, as each time so far, while other calls"
    ):
        await server.client.ask(LACKING, UserShape)


async def test_missing_path_is_like_any_other_after_its_first_success() -> None:
    server = Server(me=200, only=500)
    await server.client.ask(ME, UserShape)
    await server.fails(LACKING, 6)
    server.answers["only"] = 200
    await server.client.ask(LACKING, UserShape)
    server.answers["only"] = 500

    assert await server.fails(LACKING, 6) == [Temporary] * 6


async def test_no_path_is_missing_while_none_works() -> None:
    assert await Server(me=500, only=500).fails(LACKING, 8) == [Temporary] * 8


@pytest.mark.parametrize("status", [502, 503, 504, 520])
async def test_circleci_that_is_away_lacks_nothing(status: int) -> None:
    server = Server(me=200, only=status)
    await server.client.ask(ME, UserShape)

    assert await server.fails(LACKING, 8) == [Temporary] * 8


async def test_many_failures_at_one_time_are_one() -> None:
    server = Server(me=200, only=500)
    await server.client.ask(ME, UserShape)

    for _ in range(20):
        with pytest.raises(Temporary):
            await server.client.ask(LACKING, UserShape)
