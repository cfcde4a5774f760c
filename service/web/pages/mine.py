"""The name of the reader, which a browser remembers, for the pages' "mine"."""

from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from service.model import Person, User
from service.text import clean
from service.web.auth.access import OF_ADMINS
from service.web.pages.build_addresses import PATH as BUILDS
from service.web.pages.context import PageContext, redirect
from service.web.pages.forms import local_path, read_form

COOKIE = "roundsman-mine"
MAX_AGE_S = 365 * 86_400
MAX_NAME = 200


def read_mine(request: Request, user: User) -> str | None:
    """Return the name of the reader, as remembered or as logged in; None if not known."""
    own = None if user.kind in OF_ADMINS else user.name
    return _as_name(unquote(request.cookies.get(COOKIE, ""))) or own


async def remember(context: PageContext, request: Request) -> Response:
    """Remember the name of the reader, or forget it; show their part."""
    await context.access.require_form(request)
    written = await read_form(request)
    name, page = _as_name(written.get("name", "")), local_path(written.get("next"))
    response = redirect(_theirs(page, name, context) if name else page)
    if name is None:
        response.delete_cookie(COOKIE, secure=context.access.is_secure, httponly=True, samesite="lax")
    else:
        response.set_cookie(
            COOKIE, quote(name), max_age=MAX_AGE_S, secure=context.access.is_secure, httponly=True, samesite="lax"
        )
    return response


def names_of(name: str, people: Iterable[Person]) -> list[str]:
    """Return the names by which builds know a person of roundsman.yaml, or this name."""
    for one in people:
        if name.casefold() in {one.name.casefold(), (one.email or one.name).casefold()}:
            known = [*one.vcs, *one.circleci, *([one.email] if one.email else [])]
            return list(dict.fromkeys(known)) or [name]
    return [name]


def _as_name(text: str) -> str | None:
    """Return a name on one line."""
    return " ".join(clean(text).split())[:MAX_NAME].strip() or None


def _theirs(page: str, name: str, context: PageContext) -> str:
    """Return the address of a page with the part that is a person's."""
    path = urlsplit(page).path
    query = parse_qsl(urlsplit(page).query) if path in {"/", BUILDS} else []
    if path == BUILDS:
        added = [("by", one) for one in names_of(name, context.setting().people)]
    else:
        path, added = "/", [("mine", name)]
    kept = [pair for pair in query if pair[0] != added[0][0] and pair[0] not in {"cursor", "page"}]
    return f"{path}?{urlencode([*kept, *added])}"
