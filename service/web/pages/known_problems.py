"""The page of known problems: list, add, close."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations.incidents import known_problems as operations
from service.operations.json_shapes import Json
from service.operations.queries import to_id
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

PATH = "/known-problems"
MAX_CLOSED = 50


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of known problems."""
    session = await context.access.require_session(request)
    shown = await context.read(_read, context)
    return await context.render_page(
        request, session, "known_problems.html", **shown, written=_entered({}), problem=None
    )


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of known problems shows as JSON."""
    await context.access.require(request)
    shown = await context.store.snapshot(_read, context)
    return JSONResponse({"items": shown["problems"], "closed": shown["closed"]})


async def add(context: PageContext, request: Request) -> Response:
    """Add a known problem, and redirect back."""
    who = await context.access.require_form(request)
    session = await context.access.require_session(request)
    written = await read_form(request)
    try:
        problem = operations.parse_problem(_asked(written), who=who, now=context.clock())
        await context.store.write(operations.add, problem)
    except BadRequest as error:
        shown = await context.read(_read, context)
        shown |= {"written": _entered(written), "problem": str(error)}
        return await context.render_page(request, session, "known_problems.html", status=error.status, **shown)
    return context.redirect_with_notice(PATH, "incident")


async def close(context: PageContext, request: Request) -> Response:
    """Close a known problem, and redirect back."""
    who = await context.access.require_form(request)
    problem_id = to_id(request.path_params["id"])
    await context.store.write(operations.close, problem_id, who=who, now=context.clock())
    return context.redirect_with_notice(PATH, "incident")


def _read(transaction: Transaction, context: PageContext) -> Json:
    from_file = context.known_problems()
    every = operations.list_problems(transaction, context.clock(), from_file=from_file, every=True)["items"]
    closed = [one for one in every if one["state"] == "closed"]
    return {"problems": [one for one in every if one["state"] == "open"], "closed": closed[-MAX_CLOSED:]}


def _entered(written: Mapping[str, str]) -> Json:
    """Return the fields of the form with what was entered."""
    return {name: written.get(name, "") for name in operations.FIELDS}


def _asked(written: Mapping[str, str]) -> dict[str, object]:
    """Return the known problem that a form asks for: an empty field says nothing."""
    asked: dict[str, object] = {name: value for name, value in written.items() if value.strip() and name != "mute"}
    return asked | {"mute": written.get("mute") == "yes"}
