"""The endpoint of the API for the credits that builds spent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.operations.figures.kept_usage import read_usage, to_wanted
from service.web.auth.access import Access
from service.web.parameters import single_valued_params


@dataclass(frozen=True, kw_only=True)
class UsageApi:
    """The endpoint for usage, which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [Route("/api/v1/usage", self.show)]

    async def show(self, request: Request) -> Response:
        """Show the credits that builds spent in a month, by what is on record."""
        await self.access.require(request)
        wanted = to_wanted(single_valued_params(request.query_params))
        return JSONResponse(await self.store.snapshot(read_usage, wanted, self.clock()))
