"""The endpoint of the API for workflows that only spans tell of."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.operations.builds.span_story import MAX_ANSWERED, list_unexplained
from service.web.auth.access import Access
from service.web.parameters import checked_params


@dataclass(frozen=True, kw_only=True)
class SpansApi:
    """The endpoint for what came as spans alone, which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [Route("/api/v1/unexplained-runs", self.list_runs)]

    async def list_runs(self, request: Request) -> Response:
        """List the workflows of a day that a span told of and no webhook."""
        await self.access.require(request)
        if asked := checked_params(request.query_params):
            raise BadRequest(f"{asked[0][0]!a} means nothing here; at most {MAX_ANSWERED} of a day are answered")
        found = await self.store.snapshot(list_unexplained, self.clock(), limit=MAX_ANSWERED)
        return JSONResponse({"items": found})
