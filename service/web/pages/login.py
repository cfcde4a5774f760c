"""The login page, and the beginning and end of sessions."""

from starlette.requests import Request
from starlette.responses import Response

from service.errors import TooManyGuesses, Unauthorized
from service.web.pages.context import PageContext, redirect
from service.web.pages.forms import local_path, read_form


async def show(context: PageContext, request: Request) -> Response:
    """Return the login page."""
    return context.render("login.html", None, next=local_path(request.query_params.get("next")), problem=None)


async def log_in(context: PageContext, request: Request) -> Response:
    """Begin a session, and redirect to the page wanted."""
    form = await read_form(request)
    wanted = local_path(form.get("next"))
    try:
        session = await context.access.log_in(request, form.get("token", ""), form.get("name", ""))
    except (Unauthorized, TooManyGuesses) as error:
        return _refuse(context, error, wanted)
    response = redirect(wanted)
    context.access.set_session_cookie(response, session)
    return response


async def log_in_by_link(context: PageContext, request: Request) -> Response:
    """Begin the only session of a login link, and redirect to the builds."""
    try:
        session = await context.access.log_in_by_link(request, request.path_params["code"])
    except (Unauthorized, TooManyGuesses) as error:
        return redirect("/") if await context.access.user(request) else _refuse(context, error, "/")
    response = redirect("/")
    context.access.set_session_cookie(response, session)
    return response


def _refuse(context: PageContext, error: Unauthorized | TooManyGuesses, wanted: str) -> Response:
    response = context.render("login.html", None, status=error.status, next=wanted, problem=str(error))
    response.headers.update(error.headers)
    return response


async def log_out(context: PageContext, request: Request) -> Response:
    """End the session, if it is still open, and redirect to the login."""
    response = redirect("/login")
    try:
        await context.access.require_form(request)
    except Unauthorized:
        return response
    await read_form(request)
    await context.access.log_out(request)
    context.access.clear_session_cookie(response)
    return response
