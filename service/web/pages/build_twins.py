"""The rows of the builds page and of a build's page as JSON."""

from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations import ids, queries
from service.operations.ids import Noun
from service.operations.json_shapes import Json
from service.operations.overviews.now import told_json
from service.web.pages import build_addresses, builds, event
from service.web.pages.build_addresses import Filters
from service.web.pages.context import PageContext, redirect
from service.web.pages.refresh import NO_REFRESH_PARAMETER
from service.web.parameters import checked_params, single_valued_params

CURSOR = "cursor"


async def show_builds(context: PageContext, request: Request) -> Response:
    """Return the rows of the builds page as JSON, a page at a time."""
    await context.access.require(request)
    filters, cursor = _read_parameters(request.query_params)
    return JSONResponse(await context.store.snapshot(_find, context, filters, cursor))


async def show_build(context: PageContext, request: Request) -> Response:
    """Return what the page of a build shows as JSON."""
    await context.access.require(request)
    single_valued_params(request.query_params)
    written = request.path_params["id"]
    if event.is_beginning(written):
        _, whole = await ids.find(context.store, written, Noun.EVENT)
        return redirect(f"/builds/{whole}.json")
    return JSONResponse(await context.store.snapshot(_read, queries.to_id(written)))


def _read_parameters(parameters: QueryParams) -> tuple[Filters, str]:
    """Return the filters and the cursor. Raises BadRequest for an unknown parameter."""
    unknown = {name for name, _ in checked_params(parameters)} - {*queries.SEARCHABLE, CURSOR, NO_REFRESH_PARAMETER}
    if unknown:
        raise BadRequest(f"{min(unknown)!a} means nothing here; there are {', '.join((*queries.SEARCHABLE, CURSOR))}")
    cursors = parameters.getlist(CURSOR)
    if len(cursors) > 1:
        raise BadRequest(f"{CURSOR!a} stands twice; give it once")
    return build_addresses.read_filters(parameters), next(iter(cursors), "")


def _find(transaction: Transaction, context: PageContext, filters: Filters, cursor: str) -> Json:
    """Return one page of builds, and ``next``, the cursor of the one after."""
    found = builds.find(transaction, context, filters, cursor)
    return {
        "items": [_row(one) for one in found["items"]],
        "next": found["next"],
        "looked_back_to": found["looked_back_to"],
        "partial": found["partial"],
        "hints": [{**hint, "near": [name for name, _ in hint["near"]]} for hint in found["hints"]],
    }


def _row(row: Json) -> Json:
    shape = {name: value for name, value in row.items() if name != "notifications"}
    return {**shape, "told": told_json(row["notifications"])}


def _read(transaction: Transaction, build_id: Any) -> Json:
    """Return what a build's page shows, without the places of what it draws."""
    shown = event.read(transaction, build_id)
    story = shown.get("story")
    if story is None:
        return shown
    left_out = {"failing", "failed", "others", "is_folded"}
    jobs = [
        {name: value for name, value in one.items() if name != "bar"} for one in (*story["failed"], *story["others"])
    ]
    failing = [{"job": job, "failures": failures} for job, failures in story["failing"]]
    told = {name: value for name, value in story.items() if name not in left_out}
    return {**shown, "story": {**told, "failing": failing, "jobs": jobs}}
