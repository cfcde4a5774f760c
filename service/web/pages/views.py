"""Saved views on the page of builds: their chips, and the forms that change them."""

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations import saved_views
from service.operations.json_shapes import Json
from service.operations.queries import to_id
from service.operations.saved_views import ViewUser
from service.web.pages.build_addresses import PATH, address, merge, to_text
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form
from service.web.view_user import view_user


async def add(context: PageContext, request: Request) -> Response:
    """Save a view, and show it."""
    user = view_user(await context.access.require_session(request))
    asked = _asked(await read_form(request), user)
    view = saved_views.parse_view(asked, user, context.clock())
    await context.store.write(saved_views.add, view)
    return context.redirect_with_notice(PATH, "view", to=view_address(view.query))


async def change(context: PageContext, request: Request) -> Response:
    """Rename a view, or share it, and show it."""
    user = view_user(await context.access.require_session(request))
    view_id = to_id(request.path_params["id"])
    changes = saved_views.parse_fields(_asked(await read_form(request), user), user, context.clock())
    view = await context.store.write(saved_views.change, view_id, changes, user)
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


def view_address(query: str) -> str:
    """Return the path of the builds of a view."""
    return address({"q": [query]})


def read_views(transaction: Transaction, user: ViewUser, query: str) -> Json:
    """Return the views that a user sees, and the one that is shown.

    query   the text of the search that is shown
    """
    views = saved_views.list_views(transaction, user)["items"]
    shown = next((one for one in views if _canonical(one["query"]) == query), None) if query else None
    return {
        "views": [{**one, "is_on": one is shown, "address": view_address(one["query"])} for one in views],
        "view": shown,
        "may_share": user.may_share,
        "max_name": saved_views.MAX_CHARACTERS["name"],
    }


def _canonical(query: str) -> str:
    """Return a query as the search field shows it; a text that is none as it is."""
    try:
        return to_text(merge({"q": [query]}))
    except BadRequest:  # of a release with other filters
        return query
