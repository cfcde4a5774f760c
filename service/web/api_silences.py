"""The endpoints of the API for silences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.model import KnownProblem
from service.operations.ids import Noun, find_id
from service.operations.incidents import silences
from service.queue.base import JobQueue
from service.store.incidents import silences as rows
from service.web.auth.access import Access
from service.web.auth.rights import RIGHTS, check_right
from service.web.json_body import read_object
from service.web.parameters import page_params


@dataclass(frozen=True, kw_only=True)
class SilencesApi:
    """The endpoints for silences, each of which needs a credential.

    from_file   returns the known problems of roundsman.yaml
    """

    store: Store
    jobs: JobQueue
    access: Access
    clock: Callable[[], datetime]
    from_file: Callable[[], Sequence[KnownProblem]] = tuple

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/api/v1/silences", self.list_silences),
            Route("/api/v1/silences", self.add, methods=["POST"]),
            Route("/api/v1/silences/{id}", self.show),
            Route("/api/v1/silences/{id}", self.expire, methods=["DELETE"]),
        ]

    async def list_silences(self, request: Request) -> Response:
        """List silences that have not ended; with `?state=expired`, those that have."""
        await self.access.require(request)
        asked, limit, cursor = page_params(request.query_params)
        states = silences.to_states(asked.pop("state", []))
        if asked:
            raise BadRequest(f"{next(iter(asked))!a} means nothing here; there are state, limit and cursor")
        page = await self.store.snapshot(
            silences.list_silences, self.clock(), states=states, limit=limit, cursor=cursor
        )
        return JSONResponse(page)

    async def add(self, request: Request) -> Response:
        """Set a silence; with `"preview": true`, only tell what it would silence."""
        who = await self.access.require(request)
        asked = await read_object(request)
        only_preview = asked.pop("preview", False)
        if not isinstance(only_preview, bool):
            raise BadRequest("preview must be true or false")
        now = self.clock()
        silence = silences.parse_silence(asked, who=who, now=now)
        shape = silences.silence_json(silence, now)
        if only_preview:
            previewed = await self.store.snapshot(silences.preview, silence, now, from_file=self.from_file())
            shape["id"] = None
        else:
            previewed = await silences.add(self.store, silence, from_file=self.from_file())
        shape["would_have_silenced"] = silences.preview_json(previewed)
        return JSONResponse(shape, status_code=200 if only_preview else 201)

    async def show(self, request: Request) -> Response:
        """Return one silence."""
        await self.access.require(request)
        silence = await self.store.read(rows.find, await find_id(self.store, request.path_params["id"], Noun.SILENCE))
        return JSONResponse(silences.silence_json(silence, self.clock()))

    async def expire(self, request: Request) -> Response:
        """End a silence now."""
        user, now = await self.access.require_user(request), self.clock()
        silence_id = await find_id(self.store, request.path_params["id"], Noun.SILENCE)
        if (await self.store.read(rows.find, silence_id)).who != user.name:
            check_right(user, RIGHTS["silences_of_others"])
        ended = await silences.expire(self.store, self.jobs, silence_id, who=user.name, now=now)
        return JSONResponse(silences.silence_json(ended, now))
