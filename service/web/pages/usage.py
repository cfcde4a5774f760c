"""The page of usage: the credits that builds spent in a month, and on what."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.operations.figures.kept_usage import FILTERS, read_usage, to_wanted
from service.operations.figures.usage_report import COLUMNS_OF
from service.web.pages.asked import read_given, refusal
from service.web.pages.context import PageContext

PATH = "/usage"


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of usage."""
    session = await context.access.require_session(request)
    asked = _asked(request)
    problem = refusal(lambda: to_wanted(asked), asked, FILTERS)
    shown = await context.read(read_usage, to_wanted({} if problem else asked), context.clock())
    shown |= {"asked": dict.fromkeys(FILTERS, "") | asked, "query": urlencode(asked), "groupings": [*COLUMNS_OF]}
    status = 400 if problem else 200
    return await context.render_page(request, session, "usage.html", status=status, problem=problem, **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return the usage that the page shows as JSON."""
    await context.access.require(request)
    return JSONResponse(await context.store.snapshot(read_usage, to_wanted(_asked(request)), context.clock()))


def _asked(request: Request) -> dict[str, str]:
    return {name: value for name, value in read_given(request.query_params).items() if value.strip()}
