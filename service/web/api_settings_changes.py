"""The endpoint of the API for changed settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.operations.health import settings_changes
from service.web.auth.access import Access
from service.web.parameters import page_params


@dataclass(frozen=True, kw_only=True)
class SettingsChangesApi:
    """The endpoint for changes of the settings at CircleCI, which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        """Return its routes."""
        return [Route("/api/v1/settings-changes", self.list_changes)]

    async def list_changes(self, request: Request) -> Response:
        """List changes of the settings at CircleCI, newest first, a page at a time."""
        await self.access.require(request)
        asked, limit, cursor = page_params(request.query_params)
        wanted = settings_changes.to_wanted(asked, self.clock())
        page = await self.store.snapshot(settings_changes.list_changes, wanted, limit=limit, cursor=cursor)
        return JSONResponse(page)
