"""The page of all projects: which are red, and how they did in 30 days."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.operations.json_shapes import Json, with_marks
from service.operations.overviews.projects import Asked, read_projects
from service.web.pages.addresses import PROJECTS
from service.web.pages.context import PageContext, redirect
from service.web.pages.now import MAX_CHIPS, first_run_state, read_parameters, to_filter
from service.web.pages.refresh import may_refresh

NAMES = {"project": "project", "organization": "organization", "team": "team"}
"""The filters of the page by their parameters."""


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of all projects."""
    session = await context.access.require_session(request)
    given, page = read_parameters(request.query_params, names=NAMES)
    if any(not value for _, value in request.query_params.multi_items()):
        return redirect(address(given, page))
    shown = await context.read(_read, context, given, page)
    return await context.render_page(request, session, "projects.html", is_live=may_refresh(request), **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of all projects shows as JSON."""
    await context.access.require(request)
    given, page = read_parameters(request.query_params, names=NAMES)
    return JSONResponse(await context.store.snapshot(_read_rows, context, given, page))


def _read_rows(transaction: Transaction, context: PageContext, given: Mapping[str, str], page: int) -> Json:
    asked = Asked(wanted=to_filter(given, names=NAMES), page=page)
    return read_projects(transaction, asked, context.clock(), months=context.months, setting=context.setting())


def _read(transaction: Transaction, context: PageContext, given: Mapping[str, str], page: int) -> Json:
    """Return what the page shows; before the first workflow, the first run's steps."""
    shown = _read_rows(transaction, context, given, page)
    [items] = with_marks(shown["items"])
    shown |= {
        "items": items,
        "given": given,
        "path": PROJECTS,
        "newer": address(given, page - 1) if page > 1 else None,
        "older": address(given, shown["next"]) if shown["next"] else None,
        "chips": _chips(given, shown["organizations"]),
        "is_empty": not shown["items"] and not given and page == 1,
    }
    return shown | first_run_state(transaction, context) if shown["is_empty"] else shown


def address(given: Mapping[str, str], page: int = 1) -> str:
    """Return the path of the page with these filters."""
    query = {**given, **({"page": str(page)} if page > 1 else {})}
    return f"{PROJECTS}?{urlencode(query)}" if query else PROJECTS


def _chips(given: Mapping[str, str], of_all: Sequence[str]) -> list[Json]:
    """Return the filters of one click: organizations, and the team given."""
    chosen = given.get("organization")
    some = list(of_all[:MAX_CHIPS]) if len(of_all) > 1 else []
    some += [chosen] if chosen and chosen not in some else []
    chips = [_chip(given, "organization", one, is_on=one == chosen) for one in some]
    return chips + [_chip(given, name, given[name], is_on=True) for name in ("team",) if name in given]


def _chip(given: Mapping[str, str], name: str, value: str, *, is_on: bool) -> Json:
    changed = {key: text for key, text in given.items() if key != name} | ({} if is_on else {name: value})
    return {"kind": name, "words": value, "is_on": is_on, "address": address(changed)}
