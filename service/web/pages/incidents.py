"""The page of incidents, and the forms to take, release, classify or mute one."""

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import NotFound
from service.operations import incidents as operations
from service.operations.json_shapes import Json
from service.operations.queries import to_id
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

MAX_OPEN = 100
MAX_CLOSED = 20


async def show(context: PageContext, request: Request) -> Response:
    """Return the incidents page, open ones first."""
    session = await context.access.require_session(request)
    shown = await context.read(_read)
    return await context.render_page(request, session, "incidents.html", **shown)


async def take(context: PageContext, request: Request) -> Response:
    """Take an incident, and redirect back."""
    return await _act(context, request, "take")


async def release(context: PageContext, request: Request) -> Response:
    """Release a taken incident, and redirect back."""
    return await _act(context, request, "release")


async def classify(context: PageContext, request: Request) -> Response:
    """Classify an incident, and redirect back."""
    return await _act(context, request, "classify")


async def mute(context: PageContext, request: Request) -> Response:
    """Mute an incident, and redirect back."""
    return await _act(context, request, "mute")


async def _act(context: PageContext, request: Request, verb: str) -> Response:
    who = await context.access.require_form(request)
    incident_id = to_id(request.path_params["id"])
    act = operations.parse_act(verb, await read_form(request), who=who, now=context.clock())
    await context.store.write(operations.act_on, incident_id, act)
    return context.redirect_back(request, "/incidents", "incident")


def _read(transaction: Transaction) -> Json:
    open_ = operations.list_incidents(transaction, {"state": [operations.OPEN]}, limit=MAX_OPEN)
    closed = operations.list_incidents(transaction, {"state": [operations.CLOSED]}, limit=MAX_CLOSED)
    return {"incidents": open_["items"], "has_more": open_["next"] is not None, "closed": closed["items"]}


def read_incident(transaction: Transaction, incident_id: str | None) -> Json | None:
    """Return the incident of a build; None if there is none, or no longer."""
    if incident_id is None:
        return None
    try:
        return operations.show_incident(transaction, to_id(incident_id))
    except NotFound:
        return None
