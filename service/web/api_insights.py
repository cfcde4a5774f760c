"""The endpoint of the API for the figures that CircleCI counts, beside our own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.operations.figures.insights_report import FILTERS, Wanted, read_insights
from service.operations.overviews.month_figures import MonthCache
from service.operations.test_history.shown_tests import JudgedTests
from service.web.auth.access import Access
from service.web.parameters import single_valued_params


@dataclass(frozen=True, kw_only=True)
class InsightsApi:
    """The endpoint for insights, which needs a credential."""

    store: Store
    access: Access
    clock: Callable[[], datetime]
    judged: JudgedTests
    months: MonthCache = field(default_factory=MonthCache)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints."""
        return [Route("/api/v1/insights", self.show)]

    async def show(self, request: Request) -> Response:
        """Show the figures that CircleCI counts beside our own, of a project or of all."""
        await self.access.require(request)
        asked = single_valued_params(request.query_params)
        if unknown := sorted(asked.keys() - set(FILTERS)):
            raise BadRequest(f"{unknown[0]!a} means nothing here; there are {' and '.join(FILTERS)}")
        wanted = Wanted(project=asked.get("project"), workflow=asked.get("workflow"))
        now, months, judged = self.clock(), self.months, self.judged
        found = await self.store.snapshot(read_insights, wanted, now, months=months, judged=judged)
        return JSONResponse(found)
