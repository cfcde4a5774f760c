"""The login page, and the beginning and end of sessions."""

from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.errors import NotFound, Rejected, Temporary, TooManyGuesses, Unauthorized
from service.web.auth.oidc_login import OidcLogin
from service.web.pages.context import PageContext, redirect
from service.web.pages.forms import local_path, read_form

log = structlog.get_logger()


async def show(context: PageContext, request: Request) -> Response:
    """Return the login page."""
    return _form(context, local_path(request.query_params.get("next")))


async def log_in_at_provider(context: PageContext, request: Request) -> Response:
    """Redirect to the OpenID provider, which sends the browser back."""
    wanted, response = local_path(request.query_params.get("next")), redirect("/login")
    try:
        await _provider(context).begin(response, wanted)
    except Temporary as error:
        return _refuse(context, error, wanted)
    return response


async def come_back(context: PageContext, request: Request) -> Response:
    """Begin the session of a browser that comes back from the OpenID provider."""
    oidc = _provider(context)
    try:
        session, wanted = await context.access.log_in_at_provider(request, oidc)
    except (Rejected, Temporary) as error:
        response = _refuse(context, error, local_path(oidc.wanted(request)))
    else:
        response = redirect(local_path(wanted))
        context.access.set_session_cookie(response, session)
    oidc.forget(response)
    return response


def _provider(context: PageContext) -> OidcLogin:
    if context.access.oidc is None:
        raise NotFound("there is no login by OpenID Connect: ROUNDSMAN_OIDC_ISSUER is not set")
    return context.access.oidc


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


def _refuse(context: PageContext, error: Rejected | Temporary, wanted: str) -> Response:
    """Return the login page with the reason why there was no login."""
    if isinstance(error, Temporary):
        log.warning("a login is not possible now", reason=str(error))
        return _form(context, wanted, problem=error.sentence, status=503)
    response = _form(context, wanted, problem=str(error), status=error.status)
    response.headers.update(error.headers)
    return response


def _form(context: PageContext, wanted: str, *, problem: str | None = None, status: int = 200) -> Response:
    """Return the login page, with the provider's address if there is one."""
    oidc = context.access.oidc
    openid = {"host": oidc.host, "address": f"/login/oidc?{urlencode({'next': wanted})}"} if oidc else None
    return context.render("login.html", None, status=status, next=wanted, problem=problem, openid=openid)


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
