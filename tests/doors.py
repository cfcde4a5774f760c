"""A door for each way in, and those who knock: fixtures for the tests of ``access``."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.access import Access
from service.errors import Rejected

TOKEN = "an-invented-admin-token"
PUBLIC_URL = "https://ci.example.com"


class Clock:
    """A time that tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def app(access: Access) -> Starlette:
    """A door for each way in, that says who came through it."""

    async def api(request: Request) -> Response:
        return JSONResponse({"who": access.require(request)})

    async def page(request: Request) -> Response:
        session = access.visit(request)
        response = JSONResponse({"form_token": session.form_token, "is_new": session.is_new})
        access.remember(response, session)
        return response

    async def form(request: Request) -> Response:
        return JSONResponse({"who": access.require_form(request, request.query_params["form_token"])})

    async def log_in(request: Request) -> Response:
        response = JSONResponse({})
        access.remember(response, access.log_in(request, request.query_params["token"]))
        return response

    async def log_out(_request: Request) -> Response:
        response = JSONResponse({})
        access.forget(response)
        return response

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        return JSONResponse({"error": str(error)}, error.status)

    doors = {"/page": page, "/form": form, "/log-in": log_in, "/log-out": log_out}
    routes = [Route(path, door, methods=["GET", "POST"]) for path, door in {"/api": api, **doors}.items()]
    return Starlette(routes=routes, exception_handlers={Rejected: refused})


def browser(access: Access, address: str = "http://127.0.0.1:8000") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app(access)), base_url=address)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guarded(clock: Clock) -> Access:
    return Access(admin_token=TOKEN, public_url=PUBLIC_URL, clock=clock)


@pytest.fixture
async def stranger(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        yield client


@pytest.fixture
async def operator(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        await client.post("/log-in", params={"token": TOKEN})
        yield client


@pytest.fixture
async def neighbour(clock: Clock) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody on the machine itself, where no token is set."""
    async with browser(Access(admin_token=None, public_url=None, clock=clock)) as client:
        yield client


async def form_token(client: httpx.AsyncClient) -> str:
    return str((await client.get("/page")).json()["form_token"])
