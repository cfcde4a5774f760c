"""The page of the settings that guard builds: how they changed at CircleCI."""

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations.health import settings_changes
from service.operations.health.settings_changes import FILTERS, Wanted
from service.operations.json_shapes import Json
from service.web.pages.asked import read_given, refusal
from service.web.pages.context import PageContext

PATH = "/settings"


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of changed settings."""
    session = await context.access.require_session(request)
    asked, cursor = _asked(request)
    problem = refusal(lambda: _wanted(context, asked), asked, FILTERS)
    wanted = _wanted(context, {} if problem else asked)
    shown = await context.read(_read, context, wanted, cursor=None if problem else cursor)
    older = {**asked, "cursor": shown["next"]} if shown["next"] and not problem else None
    shown |= {"asked": dict.fromkeys(FILTERS, "") | asked, "is_filtered": bool(asked), "query": urlencode(asked)}
    shown["older"] = f"{PATH}?{urlencode(older)}" if older else None
    status = 400 if problem else 200
    return await context.render_page(request, session, "settings.html", status=status, problem=problem, **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return the changes that the page of settings shows as JSON."""
    await context.access.require(request)
    asked, cursor = _asked(request)
    wanted = _wanted(context, asked)
    return JSONResponse(await context.store.snapshot(settings_changes.list_changes, wanted, cursor=cursor))


def _asked(request: Request) -> tuple[dict[str, str], str | None]:
    """Return what an address asks for, as written, and its cursor. Raises BadRequest."""
    given = {name: value for name, value in read_given(request.query_params).items() if value.strip()}
    cursor = given.pop("cursor", None)
    if unknown := next((name for name in given if name not in FILTERS), None):
        raise BadRequest(f"{unknown!a} means nothing here; there are {', '.join(FILTERS)} and cursor")
    return given, cursor


def _wanted(context: PageContext, asked: Mapping[str, str]) -> Wanted:
    return settings_changes.to_wanted({name: [value] for name, value in asked.items()}, context.clock())


def _read(transaction: Transaction, context: PageContext, wanted: Wanted, *, cursor: str | None) -> Json:
    return settings_changes.show_settings(transaction, wanted, context.clock(), cursor=cursor)
