"""The page of silences: list, add with a preview, expire."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Silence, SilenceState
from service.operations.incidents import silences as operations
from service.operations.json_shapes import Json
from service.operations.queries import to_id
from service.routing.match_keys import MATCH_KEYS
from service.store.events.filters import has_signs
from service.store.incidents import silences as rows
from service.web.auth.rights import RIGHTS, check_right
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

PROMINENT = ("project", "branch", "workflow")
MAX_EXPIRED = 20


async def show(context: PageContext, request: Request) -> Response:
    """Return the silences page."""
    session = await context.access.require_session(request)
    shown = await context.read(_read, context)
    return await context.render_page(request, session, "silences.html", **_form({}) | shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the silences page shows as JSON."""
    await context.access.require(request)
    shown = await context.store.snapshot(_read, context)
    return JSONResponse({"items": shown["silences"], "ended": shown["ended"]})


async def add(context: PageContext, request: Request) -> Response:
    """Preview a silence, or set it, and redirect back."""
    who = await context.access.require_form(request)
    session = await context.access.require_session(request)
    written = await read_form(request)
    now = context.clock()
    try:
        silence = operations.parse_silence(_asked(written), who=who, now=now)
    except BadRequest as error:
        shown = await context.read(_read, context)
        shown |= _form(written) | {"problem": str(error)}
        return await context.render_page(request, session, "silences.html", status=error.status, **shown)
    if written.get("act") == "set":
        await operations.add(context.store, silence, from_file=context.known_problems())
        return context.redirect_with_notice("/silences", "silence")
    shown = await context.read(_read_with_preview, context, silence)
    return await context.render_page(request, session, "silences.html", **_form(written) | shown)


async def expire(context: PageContext, request: Request) -> Response:
    """End a silence now, and redirect back."""
    user = await context.access.require_session(request)
    silence_id = to_id(request.path_params["id"])
    if (await context.store.read(rows.find, silence_id)).who != user.name:
        check_right(user, RIGHTS["silences_of_others"])
    await operations.expire(context.store, context.jobs, silence_id, who=user.name, now=context.clock())
    return context.redirect_with_notice("/silences", "expire")


def _read(transaction: Transaction, context: PageContext) -> Json:
    now = context.clock()
    open_ = operations.list_silences(transaction, now)["items"]
    ended = operations.list_silences(transaction, now, states=[SilenceState.EXPIRED], limit=MAX_EXPIRED)["items"]
    return {"silences": open_, "ended": ended}


def _read_with_preview(transaction: Transaction, context: PageContext, silence: Silence) -> Json:
    now = context.clock()
    previewed = operations.preview(transaction, silence, now, from_file=context.known_problems())
    wanted = operations.silence_json(silence, now)
    return _read(transaction, context) | {"wanted": wanted, "preview": previewed.sentence(now)}


def _form(written: Mapping[str, str]) -> Json:
    """Return the fields of the form, and what was entered."""
    others = [key for key in MATCH_KEYS if key not in PROMINENT]
    entered = {name: written.get(name, "") for name in (*MATCH_KEYS, "from", "until", "comment")}
    fields = {"prominent": PROMINENT, "others": others, "written": entered}
    return fields | {"problem": None, "preview": None, "wanted": None}


def _asked(written: Mapping[str, str]) -> Json:
    """Return the silence that a form asks for.

    A field may hold a list of patterns, as on the builds page.
    """
    matchers = {key: _patterns(written[key]) for key in MATCH_KEYS if written.get(key, "").strip()}
    return {"matchers": matchers} | {name: written.get(name, "").strip() for name in ("from", "until", "comment")}


def _patterns(text: str) -> Sequence[str]:
    return [part.strip() for part in text.split(",") if part.strip()] if has_signs(text) else [text.strip()]
