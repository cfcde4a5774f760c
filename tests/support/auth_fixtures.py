"""A door for each way in, and those who knock: fixtures for the tests of ``access``."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service.db.database import Store
from service.errors import Rejected
from service.metrics import Metrics
from service.web.auth.access import Access
from tests.support.databases import Database
from tests.support.operator_client import ADMIN_TOKEN

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
        return JSONResponse({"who": await access.require(request)})

    async def feed(request: Request) -> Response:
        return JSONResponse({"who": await access.require_reader(request)})

    async def page(request: Request) -> Response:
        session = await access.require_session(request)
        return JSONResponse({"session": str(session.session_id)})

    async def form(request: Request) -> Response:
        return JSONResponse({"who": await access.require_form(request)})

    async def log_in(request: Request) -> Response:
        response = JSONResponse({})
        access.set_session_cookie(response, await access.log_in(request, request.query_params["token"]))
        return response

    async def link(request: Request) -> Response:
        response = JSONResponse({})
        access.set_session_cookie(response, await access.log_in_by_link(request, request.query_params["code"]))
        return response

    async def log_out(request: Request) -> Response:
        response = JSONResponse({})
        await access.log_out(request)
        access.clear_session_cookie(response)
        return response

    async def refused(_request: Request, error: Exception) -> Response:
        assert isinstance(error, Rejected)
        return JSONResponse({"error": str(error)}, error.status, error.headers)

    doors = {"/page": page, "/form": form, "/log-in": log_in, "/link": link, "/log-out": log_out}
    routes = [Route(path, door, methods=["GET", "POST"]) for path, door in {"/api": api, **doors}.items()]
    feeds = ("/feed.atom", "/cctray.xml", "/badge/{name:path}", "/board")
    routes += [Route(path, feed) for path in feeds]
    return Starlette(routes=routes, exception_handlers={Rejected: refused})


def browser(access: Access, address: str = "http://127.0.0.1:8000", *, client: str = "192.0.2.1") -> httpx.AsyncClient:
    """A browser, or a program, at an address of its own."""
    transport = httpx.ASGITransport(app(access), client=(client, 4711))
    return httpx.AsyncClient(transport=transport, base_url=address)


@dataclass(kw_only=True)
class Doors:
    """Makes the doors of one process after the other, all on one database."""

    store: Store
    clock: Clock
    metrics: Metrics

    def made(
        self, *, admin_token: str = ADMIN_TOKEN, public_url: str | None = PUBLIC_URL, read_token: str | None = None
    ) -> Access:
        return Access(
            admin_token=admin_token,
            public_url=public_url,
            clock=self.clock,
            store=self.store,
            metrics=self.metrics,
            read_token=read_token,
        )

    def refused(self, door: str, reason: str) -> float:
        """The refusals that were counted."""
        labels = {"door": door, "reason": reason}
        return self.metrics.registry.get_sample_value("roundsman_logins_refused_total", labels) or 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def doors(database: Database, clock: Clock) -> AsyncIterator[Doors]:
    store = Store(database.url)
    yield Doors(store=store, clock=clock, metrics=Metrics())
    await store.close()


@pytest.fixture
def guarded(doors: Doors) -> Access:
    return doors.made()


@pytest.fixture
async def stranger(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        yield client


@pytest.fixture
async def operator(guarded: Access) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(guarded, PUBLIC_URL) as client:
        await client.post("/log-in", params={"token": ADMIN_TOKEN})
        yield client
