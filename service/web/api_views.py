"""The endpoints of the API for saved views."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.operations import saved_views
from service.operations.queries import to_id
from service.web.auth.access import Access
from service.web.json_body import read_object
from service.web.parameters import checked_params
from service.web.view_user import view_user


@dataclass(frozen=True, kw_only=True)
class ViewsApi:
    """The endpoints for saved views, each of which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/api/v1/views", self.list_views),
            Route("/api/v1/views", self.add, methods=["POST"]),
            Route("/api/v1/views/{id}", self.change, methods=["PATCH"]),
            Route("/api/v1/views/{id}", self.remove, methods=["DELETE"]),
        ]

    async def list_views(self, request: Request) -> Response:
        """List the saved views of the one who asks, and the shared ones."""
        user = view_user(await self.access.require_user(request))
        if asked := checked_params(request.query_params):
            raise BadRequest(f"{asked[0][0]!a} means nothing here; all views are answered")
        return JSONResponse(await self.store.read(saved_views.list_views, user))

    async def add(self, request: Request) -> Response:
        """Save a view: a name, a query as in the search field, and whether it is shared."""
        user = view_user(await self.access.require_user(request))
        view = saved_views.parse_view(await read_object(request), user, self.clock())
        added = await self.store.write(saved_views.add, view)
        return JSONResponse(saved_views.view_json(added, user), status_code=201)

    async def change(self, request: Request) -> Response:
        """Change what is given of a saved view: name, query, shared."""
        user = view_user(await self.access.require_user(request))
        view_id, asked = to_id(request.path_params["id"]), await read_object(request)
        changes = saved_views.parse_fields(asked, user, self.clock())
        changed = await self.store.write(saved_views.change, view_id, changes, user)
        return JSONResponse(saved_views.view_json(changed, user))

    async def remove(self, request: Request) -> Response:
        """Remove a saved view."""
        user = view_user(await self.access.require_user(request))
        removed = await self.store.write(saved_views.remove, to_id(request.path_params["id"]), user)
        return JSONResponse(saved_views.view_json(removed, user))
