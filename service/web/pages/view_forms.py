"""The forms of saved views: save, rename, share and remove one."""

from collections.abc import Mapping
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.errors import BadRequest
from service.model import User
from service.operations import saved_views
from service.operations.json_shapes import Json
from service.operations.queries import to_id
from service.operations.saved_views import ViewUser
from service.web.pages import builds
from service.web.pages.build_addresses import PATH
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form
from service.web.pages.views import view_address
from service.web.view_user import view_user


async def add(context: PageContext, request: Request) -> Response:
    """Save a view, and show it; with a mistake, return the form as filled in."""
    session = await context.access.require_session(request)
    user, written = view_user(session), await read_form(request)
    try:
        view = saved_views.parse_view(_asked(written, user), user, context.clock())
        await context.store.write(saved_views.add, view)
    except BadRequest as error:
        return await _show_again(context, request, session, _entered(written, error))
    return context.redirect_with_notice(PATH, "view", to=view_address(view.query))


async def change(context: PageContext, request: Request) -> Response:
    """Rename a view, or share it, and show it; with a mistake, return the form."""
    session = await context.access.require_session(request)
    user, written = view_user(session), await read_form(request)
    view_id = to_id(request.path_params["id"])
    try:
        changes = saved_views.parse_fields(_asked(written, user), user, context.clock())
        view = await context.store.write(saved_views.change, view_id, changes, user)
    except BadRequest as error:
        kept = await context.store.read(saved_views.find, view_id, user)
        entered = _entered(written | {"query": kept.query}, error, view_id)
        return await _show_again(context, request, session, entered)
    return context.redirect_with_notice(PATH, "view", to=view_address(view.query))


async def remove(context: PageContext, request: Request) -> Response:
    """Remove a view, and show its builds, which stay."""
    user = view_user(await context.access.require_session(request))
    view = await context.store.write(saved_views.remove, to_id(request.path_params["id"]), user)
    return context.redirect_with_notice(PATH, "view_removed", to=view_address(view.query))


def _asked(written: dict[str, str], user: ViewUser) -> dict[str, object]:
    """Return the fields of a view that a form asks for: an empty box says no."""
    asked: dict[str, object] = {name: value for name, value in written.items() if name != "shared"}
    return asked | ({"shared": written.get("shared") == "yes"} if user.may_share else {})


def _entered(written: Mapping[str, str], error: BadRequest, view_id: UUID | None = None) -> Json:
    """Return the form as it was filled in, and the reason for which it comes back.

    view_id   the view that was to be changed; None: a new one
    """
    return {
        "view": str(view_id) if view_id else None,
        "name": written.get("name", ""),
        "query": written.get("query", ""),
        "shared": written.get("shared") == "yes",
        "problem": str(error),
        "status": error.status,
    }


async def _show_again(context: PageContext, request: Request, session: User, entered: Json) -> Response:
    """Return the builds of the search with the form as it was filled in."""
    query = QueryParams({"q": entered["query"]} if entered["query"] else {})
    return await builds.render(context, request, session, query, entered=entered)
