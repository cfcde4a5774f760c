"""The page of incidents, and the forms to take, release, classify or mute one."""

from collections.abc import Mapping
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import AlreadyTaken, BadRequest, NotFound
from service.operations.checks.suggestions import suggest_branches, suggest_projects
from service.operations.ids import Noun, find_id
from service.operations.incidents import incidents as operations
from service.operations.incidents.incidents import STATES
from service.operations.json_shapes import Json, with_marks
from service.operations.overviews.incidents_page import FILTERS, read_incidents
from service.operations.queries import to_id
from service.store.incidents import incident_search
from service.web.pages.asked import address, has_empty, read_asked
from service.web.pages.context import PageContext, redirect
from service.web.pages.forms import local_path, read_form, referring_path

PATH = "/incidents"
NAMES = ("project", "branch", "state", "cursor")
MAX_SUGGESTED = 100


async def show(context: PageContext, request: Request) -> Response:
    """Return the incidents page, open ones first."""
    session = await context.access.require_session(request)
    given = read_asked(request.query_params, NAMES)
    if has_empty(request.query_params):
        return redirect(address(PATH, given))
    shown = await context.read(_read, context, given)
    return await context.render_page(request, session, "incidents.html", **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the incidents page shows as JSON."""
    await context.access.require(request)
    given = read_asked(request.query_params, NAMES)
    return JSONResponse(await context.store.snapshot(read_incidents, given, context.clock()))


async def show_one(context: PageContext, request: Request) -> Response:
    """Redirect to the page of an incident's last red build."""
    await context.access.require_session(request)
    incident_id = await find_id(context.store, request.path_params["id"], Noun.INCIDENT)
    incident = await context.store.read(incident_search.find, incident_id)
    return redirect(f"/builds/{incident.last_red}")


async def take(context: PageContext, request: Request) -> Response:
    """Take an incident, and redirect back; ask first if another person has it."""
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
    """Do an act, and redirect to the page that sent its form.

    A form that is refused comes back as it was filled in.
    """
    who = await context.access.require_form(request)
    incident_id = await find_id(context.store, request.path_params["id"], Noun.INCIDENT)
    form = await read_form(request)
    back = form.pop("back", None)
    page = local_path(back) if back else referring_path(request) or PATH
    try:
        act = operations.parse_act(verb, form, who=who, now=context.clock())
        await context.store.write(operations.act_on, incident_id, act)
    except BadRequest as refused:
        if refused.status != BadRequest.status and not isinstance(refused, AlreadyTaken):
            raise
        return await _ask_again(
            context, request, incident_id, refused=refused, form={"verb": verb, "typed": form, "back": page}
        )
    return context.redirect_with_notice(page, "incident")


async def _ask_again(
    context: PageContext, request: Request, incident_id: UUID, *, refused: BadRequest, form: Json
) -> Response:
    """Return the form as it was filled in, with the reason why it was refused."""
    session = await context.access.require_session(request)
    shown = await context.read(_read_one, incident_id)
    holder = refused.holder if isinstance(refused, AlreadyTaken) else None
    shown |= {**form, "holder": holder, "problem": str(refused)}
    return await context.render_page(request, session, "incident_act.html", status=refused.status, **shown)


def _read_one(transaction: Transaction, incident_id: UUID) -> Json:
    return {"incident": operations.show_incident(transaction, incident_id)}


def _read(transaction: Transaction, context: PageContext, given: Mapping[str, str]) -> Json:
    shown, state = read_incidents(transaction, given, context.clock()), given.get("state")
    filters = {name: given.get(name) for name in FILTERS}
    given_parts = [shown[part] for part in STATES if shown[part]]
    for part, items in zip(given_parts, with_marks(*(part["items"] for part in given_parts)), strict=True):
        part["items"] = items
    following = (shown[state] or {}).get("next") if state else None
    return {
        "hints": shown["hints"],
        "given": {name: given.get(name) for name in NAMES},
        "is_filtered": any(filters.values()),
        "parts": {one: shown[one] for one in STATES},
        "addresses": {one: address(PATH, {**filters, "state": one}) for one in STATES},
        "both": address(PATH, filters),
        "projects": suggest_projects(transaction, limit=MAX_SUGGESTED),
        "known_branches": suggest_branches(transaction, given.get("project"), limit=MAX_SUGGESTED),
        "newest": address(PATH, {**filters, "state": state}) if "cursor" in given else None,
        "older": address(PATH, {**filters, "state": state, "cursor": following}) if following else None,
    }


def read_incident(transaction: Transaction, incident_id: str | None) -> Json | None:
    """Return the incident of a build; None if there is none, or no longer."""
    if incident_id is None:
        return None
    try:
        return operations.show_incident(transaction, to_id(incident_id))
    except NotFound:
        return None
