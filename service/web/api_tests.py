"""The endpoint of the API for tests."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.operations.test_history import tests
from service.operations.test_history.shown_tests import JudgedTests
from service.store.test_history.test_list import TestFilter
from service.web.auth.access import Access
from service.web.parameters import page_params


@dataclass(frozen=True, kw_only=True)
class TestsApi:
    """The endpoint for tests, which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]
    judged: JudgedTests

    __test__ = False

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [Route("/api/v1/tests", self.list_tests)]

    async def list_tests(self, request: Request) -> Response:
        """List tests that failed, the latest first; flaky ones by flip rate."""
        await self.access.require(request)
        asked, limit, cursor = page_params(request.query_params)
        wanted = TestFilter(project=_one(asked, "project"), branch=_one(asked, "branch"))
        search = tests.TestSearch(wanted=wanted, state=tests.to_state(asked.pop("state", [])))
        if asked:
            raise BadRequest(
                f"{next(iter(asked))!a} means nothing here; there are project, branch, state, limit and cursor"
            )
        now, judging = self.clock(), self.judged.judging
        page = await self.store.snapshot(tests.list_tests, now, search, judging, limit=limit, cursor=cursor)
        return JSONResponse(page)


def _one(asked: dict[str, list[str]], name: str) -> str | None:
    given = asked.pop(name, [])
    if len(given) > 1:
        raise BadRequest(f"{name!a} stands twice; give it once")
    return given[0] if given else None
