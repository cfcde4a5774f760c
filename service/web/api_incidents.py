"""The endpoints of the API for incidents, and for the state of a branch."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.operations.ids import Noun, find_id
from service.operations.incidents import incidents
from service.operations.overviews import status
from service.web.auth.access import Access
from service.web.json_body import read_object
from service.web.parameters import page_params, single_valued_params


@dataclass(frozen=True, kw_only=True)
class IncidentsApi:
    """The endpoints for incidents and states, each of which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/api/v1/status", self.status),
            Route("/api/v1/incidents", self.list_incidents),
            Route("/api/v1/incidents/{id}", self.show),
            Route("/api/v1/incidents/{id}/take", self.take, methods=["POST"]),
            Route("/api/v1/incidents/{id}/release", self.release, methods=["POST"]),
            Route("/api/v1/incidents/{id}/classify", self.classify, methods=["POST"]),
            Route("/api/v1/incidents/{id}/mute", self.mute, methods=["POST"]),
        ]

    async def status(self, request: Request) -> Response:
        """Return the state of a project's branch: `red`, `green` or `unknown`."""
        await self.access.require(request)
        asked = single_valued_params(request.query_params)
        incidents.require_known(asked, status.PARAMETERS, "means nothing here")
        names = status.Asked(**{name: value or None for name, value in asked.items()})
        return JSONResponse(await self.store.snapshot(status.read_status, names, self.clock()))

    async def list_incidents(self, request: Request) -> Response:
        """List incidents, the one that opened last first, a page at a time."""
        await self.access.require(request)
        asked, limit, cursor = page_params(request.query_params)
        return JSONResponse(await self.store.snapshot(incidents.list_incidents, asked, limit=limit, cursor=cursor))

    async def show(self, request: Request) -> Response:
        """Return one incident, with the acts of people on it."""
        await self.access.require(request)
        incident_id = await find_id(self.store, request.path_params["id"], Noun.INCIDENT)
        return JSONResponse(await self.store.snapshot(incidents.show_incident, incident_id))

    async def take(self, request: Request) -> Response:
        """Take an incident; from another person only with `replace`."""
        return await self._act(request, "take")

    async def release(self, request: Request) -> Response:
        """Release a taken incident."""
        return await self._act(request, "release")

    async def classify(self, request: Request) -> Response:
        """Say what an incident is, or which revision fixed it."""
        return await self._act(request, "classify")

    async def mute(self, request: Request) -> Response:
        """Mute an incident until a time, or until it is fixed."""
        return await self._act(request, "mute")

    async def _act(self, request: Request, verb: str) -> Response:
        """Do an act; its fields are the JSON object in the body, which may be left out."""
        who = await self.access.require(request)
        incident_id = await find_id(self.store, request.path_params["id"], Noun.INCIDENT)
        asked = await read_object(request, may_be_empty=True)
        act = incidents.parse_act(verb, asked, who=who, now=self.clock())
        return JSONResponse(await self.store.write(incidents.act_on, incident_id, act))
