"""The page of sessions: where one is logged in, and the forms to end that."""

from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import BadRequest, NotFound
from service.model import CredentialKind, Session, User
from service.operations.end_sessions import end_of_user as end_sessions_of_user
from service.operations.end_sessions import end_sessions, list_ended
from service.operations.json_shapes import Json, session_json
from service.operations.queries import to_id
from service.store.people import sessions as rows
from service.web.auth.rights import RIGHTS, check_right, rights_of
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

PATH = "/sessions"
MAX_SHOWN = 200
KINDS = {
    CredentialKind.ADMIN_TOKEN: "with the admin token",
    CredentialKind.LOGIN_LINK: "with a login link",
    CredentialKind.OPENID_CONNECT: "at the OpenID provider",
}

log = structlog.get_logger()


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of sessions: a user's own, for an admin all."""
    user = await context.access.require_session(request)
    shown = await context.read(_read, context, user)
    return await context.render_page(request, user, "sessions.html", **shown)


async def end_own(context: PageContext, request: Request) -> Response:
    """End all sessions of the user, this one too, and redirect back."""
    user = await context.access.require_session(request)
    await read_form(request)
    return await _end(context, user, of=(user.name, user.kind))


async def end_one(context: PageContext, request: Request) -> Response:
    """End a session, one's own or as an admin another's, and redirect back."""
    user = await context.access.require_session(request)
    session = await context.store.read(_find, context, to_id(request.path_params["id"]))
    if not _is_own(session, user):
        check_right(user, RIGHTS["sessions_of_others"])
    await context.store.write(end_sessions, [session.id], who=user.name, now=context.access.now())
    log.info("session ended", by=user.name, of=session.user)
    return context.redirect_with_notice(PATH, "sessions")


async def end_of_user(context: PageContext, request: Request) -> Response:
    """End all sessions of a user, as an admin, and redirect back."""
    user = await context.access.require_session(request)
    form = await read_form(request)
    if form.get("kind") not in KINDS or not form.get("user"):
        raise BadRequest("the form names no user: press the button on the page of sessions")
    return await _end(context, user, of=(form["user"], CredentialKind(form["kind"])))


async def _end(context: PageContext, user: User, *, of: tuple[str, CredentialKind]) -> Response:
    count = await context.store.write(end_sessions_of_user, *of, who=user.name, now=context.access.now())
    log.info("sessions ended", by=user.name, of=of[0], count=count)
    return context.redirect_with_notice(PATH, "sessions")


def _find(transaction: Transaction, context: PageContext, session_id: UUID) -> Session:
    session = rows.find(transaction, session_id, context.access.now())
    if session is None:
        raise NotFound(f"there is no open session {session_id}: it has ended; the page of sessions lists the open ones")
    return session


def _is_own(session: Session, user: User) -> bool:
    return (session.user, session.kind) == (user.name, user.kind)


def _read(transaction: Transaction, context: PageContext, user: User) -> Json:
    """Return the sessions to show, the one in use first."""
    found = rows.open_sessions(transaction, context.access.now())
    mine = [one for one in found if _is_own(one, user)]
    sees_all = "sessions_of_others" in rights_of(user.role)
    others = [one for one in found if not _is_own(one, user)] if sees_all else []
    mine.sort(key=lambda one: one.id != user.session_id)
    return {
        "own": [session_json(one) for one in mine[:MAX_SHOWN]],
        "others": [session_json(one) for one in others[:MAX_SHOWN]],
        "ended": list_ended(transaction) if sees_all else [],
        "has_more": max(len(mine), len(others)) > MAX_SHOWN,
        "current": str(user.session_id),
        "kinds": KINDS,
    }
