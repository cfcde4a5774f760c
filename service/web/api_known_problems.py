"""The endpoints of the API for known problems."""

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
from service.operations.incidents import known_problems
from service.web.auth.access import Access
from service.web.json_body import read_object
from service.web.parameters import page_params

STATES = ("open", "all")


@dataclass(frozen=True, kw_only=True)
class KnownProblemsApi:
    """The endpoints for known problems, each of which needs a credential.

    from_file   returns those of roundsman.yaml
    """

    store: Store
    access: Access
    clock: Callable[[], datetime]
    from_file: Callable[[], Sequence[KnownProblem]]

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [
            Route("/api/v1/known-problems", self.list_problems),
            Route("/api/v1/known-problems", self.add, methods=["POST"]),
            Route("/api/v1/known-problems/{id}/close", self.close, methods=["POST"]),
        ]

    async def list_problems(self, request: Request) -> Response:
        """List known problems that are open; with `?state=all`, closed ones too."""
        await self.access.require(request)
        asked, _, _ = page_params(request.query_params)
        state = asked.pop("state", ["open"])
        if asked:
            raise BadRequest(f"{next(iter(asked))!a} means nothing here; there is state")
        if state not in ([one] for one in STATES):
            raise BadRequest(f"state must be one of {', '.join(STATES)}")
        page = await self.store.snapshot(
            known_problems.list_problems, self.clock(), from_file=self.from_file(), every=state == ["all"]
        )
        return JSONResponse(page)

    async def add(self, request: Request) -> Response:
        """Add a known problem."""
        who = await self.access.require(request)
        now = self.clock()
        problem = known_problems.parse_problem(await read_object(request), who=who, now=now)
        await self.store.write(known_problems.add, problem)
        return JSONResponse(known_problems.problem_json(problem, now), status_code=201)

    async def close(self, request: Request) -> Response:
        """Close a known problem; the first failure that matches it reopens it."""
        who = await self.access.require(request)
        problem_id = await find_id(self.store, request.path_params["id"], Noun.KNOWN_PROBLEM)
        now = self.clock()
        closed = await self.store.write(known_problems.close, problem_id, who=who, now=now)
        return JSONResponse(known_problems.problem_json(closed, now))
