"""The page Now: what is red on default branches, and the state of each project."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations.json_shapes import Json, with_marks
from service.operations.overviews.now import Asked, read_now
from service.operations.overviews.workflow_filter import WorkflowFilter, teams
from service.operations.queries import SEARCHABLE
from service.web.pages import builds
from service.web.pages.asked import read_given
from service.web.pages.context import PageContext, redirect
from service.web.pages.mine import read_mine
from service.web.pages.refresh import may_refresh

PATH = "/"
REFRESH_EVERY_S = 30
NAMES = {"organization": "organization", "team": "team", "mine": "person"}
"""The filters of the page by their parameters."""
MOVED = frozenset({*SEARCHABLE, "cursor"})
MAX_CHIPS = 12
MAX_NAME = 200


async def show(context: PageContext, request: Request) -> Response:
    """Return the page Now: what is red on default branches."""
    session = await context.access.require_session(request)
    if not MOVED.isdisjoint(request.query_params):  # filters of builds, which earlier releases took here
        return redirect(f"/builds?{request.url.query}")
    given, page = read_parameters(request.query_params)
    if any(not value for _, value in request.query_params.multi_items()):
        return redirect(address(given, page))
    shown = await context.read(_read, context, given, page)
    shown["mine"] = mine = read_mine(request, session)
    if mine and "mine" not in given:
        shown["chips"].append(_chip(given, "mine", mine, is_on=False))
    is_live = may_refresh(request)
    shown["refresh_s"] = REFRESH_EVERY_S if is_live else None  # only where no script follows what happens
    return await context.render_page(request, session, "now.html", is_live=is_live, **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page Now shows as JSON."""
    await context.access.require(request)
    given, page = read_parameters(request.query_params)
    return JSONResponse(await context.store.snapshot(_read_rows, context, given, page))


def read_parameters(parameters: QueryParams, *, names: Mapping[str, str] = NAMES) -> tuple[dict[str, str], int]:
    """Return the filters given, and the number of the page. Raises BadRequest."""
    given = read_given(parameters)
    page = given.pop("page", "") or "1"
    if unknown := next((name for name in given if name not in names), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(names)} and page")
    if not (page.isdecimal() and page.isascii() and 0 < int(page[:6]) < 10_000):
        raise BadRequest("page must be a number from 1 on")
    return {name: value.strip()[:MAX_NAME] for name, value in given.items() if value.strip()}, int(page[:6])


def to_filter(given: Mapping[str, str], *, names: Mapping[str, str] = NAMES) -> WorkflowFilter:
    """Return the filter for these parameters."""
    return WorkflowFilter(**{names[name]: value for name, value in given.items()})


def _read_rows(transaction: Transaction, context: PageContext, given: Mapping[str, str], page: int) -> Json:
    asked = Asked(wanted=to_filter(given), page=page)
    return read_now(transaction, asked, context.clock(), weeks=context.weeks, setting=context.setting())


def _read(transaction: Transaction, context: PageContext, given: Mapping[str, str], page: int) -> Json:
    """Return what the page shows; before the first workflow, the first run's steps."""
    shown = _read_rows(transaction, context, given, page)
    items, projects, stale = with_marks(shown["items"], shown["projects"], shown["stale"])
    shown |= {
        "items": items,
        "projects": projects,
        "stale": stale,
        "path": PATH,
        "given": given,
        "page": page,
        "newer": address(given, page - 1) if page > 1 else None,
        "older": address(given, shown["next"]) if shown["next"] else None,
        "here": address(given, page),
        "chips": _chips(context, given, shown["organizations"]),
        "is_empty": not shown["projects"] and not given,
        "people": sorted(one.name for one in context.setting().people),
    }
    return shown | first_run_state(transaction, context) if shown["is_empty"] else shown


def first_run_state(transaction: Transaction, context: PageContext) -> Json:
    """Return what is there before the first workflow: an event, a post, or steps."""
    newest = builds.newest_event(transaction)
    arrived = None if newest else context.first_run.pending_state(transaction)
    steps = {} if newest or arrived else context.first_run.report(transaction)
    return {"newest_event": newest, "arrived": arrived, **steps}


def address(given: Mapping[str, str], page: int = 1) -> str:
    """Return the path of the page with these filters."""
    query = {**given, **({"page": str(page)} if page > 1 else {})}
    return f"{PATH}?{urlencode(query)}" if query else PATH


def _chips(context: PageContext, given: Mapping[str, str], of_all: Sequence[str]) -> list[Json]:
    """Return the filters of one click: organizations, teams, and the person given."""
    named = {"organization": of_all, "team": teams(context.setting().routes)}
    chips = []
    for name, values in named.items():
        chosen = given.get(name)
        some = values[:MAX_CHIPS] if len(values) > 1 else []
        if chosen and chosen not in some:
            some = [*some, chosen]
        chips += [_chip(given, name, value, is_on=value == chosen) for value in some]
    return [*chips, _chip(given, "mine", given["mine"], is_on=True)] if "mine" in given else chips


def _chip(given: Mapping[str, str], name: str, value: str, *, is_on: bool) -> Json:
    changed = {key: text for key, text in given.items() if key != name} | ({} if is_on else {name: value})
    return {"kind": name, "words": value, "is_on": is_on, "address": address(changed)}
