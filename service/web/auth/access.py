"""Access control: the API by the admin token, the pages by a session.

A session begins with the token or with a login link. There is always an admin token. The origin of a request is
checked too, so that a page of another site cannot make a browser use its session (cross-site request forgery).
"""

from collections.abc import Callable
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.db.database import Store
from service.errors import Forbidden, TooManyGuesses, Unauthorized
from service.metrics import Metrics
from service.model import Session
from service.store import sessions
from service.web.auth.guess_limiter import GuessLimiter
from service.web.auth.request_origin import is_cross_origin
from service.web.auth.session import (
    LIFETIME,
    LINK_LIFETIME,
    Cookie,
    CookieSigner,
    LinkSigner,
    constant_time_equals,
    login_link,
)
from service.web.auth.token_file import ensure_token, read_token, token_file

__all__ = ["LINK_LIFETIME", "Access", "Cookie", "ensure_token", "login_link", "read_token", "token_file"]

SAFE_METHODS = frozenset({"GET", "HEAD"})
BY_TOKEN, BY_SESSION = "api token", "pages"
WRONG_CREDENTIAL = (
    "that is not the admin token: it is what ROUNDSMAN_ADMIN_TOKEN was set to, and else in the data folder's file "
    "admin-token; `roundsman login-link` prints a link that needs none"
)
LINK_EXPIRED = "this login link has been used, or is too old; `roundsman login-link` prints another"

log = structlog.get_logger()


class Access:
    """Checks credentials; returns the one used, to be recorded beside each action.

    public_url    our address as browsers see it, if there is a proxy in front of us
    """

    def __init__(
        self, *, admin_token: str, public_url: str | None, clock: Callable[[], datetime], store: Store, metrics: Metrics
    ) -> None:
        self._admin_token = admin_token
        self._public_url = public_url
        self._clock = clock
        self._store = store
        self._metrics = metrics
        self._cookies, self._links = CookieSigner(admin_token), LinkSigner(admin_token)
        # one limiter for each login: guesses at the login page must not lock programs out of the API
        self._guesses = {door: GuessLimiter(clock) for door in ("api", "pages", "link")}
        self._is_secure = public_url is not None and public_url.startswith("https://")
        # browsers accept the __Host- prefix only over TLS and from this exact host: no sibling domain can set it
        self._cookie = "__Host-roundsman" if self._is_secure else "roundsman"

    async def require(self, request: Request) -> str:
        """Return the credential of an API request: token or session.

        A session may only read. Writing needs the token, which no browser sends by itself. Raises Unauthorized,
        TooManyGuesses or Forbidden.
        """
        self._check_origin(request)
        if "authorization" in request.headers:
            self._require_bearer(request)
            return BY_TOKEN
        if request.method in SAFE_METHODS and await self.session(request):
            return BY_SESSION
        raise Unauthorized("the API needs a credential: send Authorization: Bearer and the admin token")

    async def require_session(self, request: Request) -> Cookie:
        """Return the open session of a page request. Raises Unauthorized or Forbidden."""
        self._check_origin(request)
        if session := await self.session(request):
            return session
        raise Unauthorized("please log in first")

    async def require_form(self, request: Request) -> str:
        """Return the credential of a form's session. Raises Unauthorized or Forbidden."""
        await self.require_session(request)
        return BY_SESSION

    async def session(self, request: Request) -> Cookie | None:
        """Return the open session of a request, or None. Raises Temporary."""
        cookie = self._cookies.verify(request.cookies.get(self._cookie, ""))
        if cookie is None or await self._store.read(sessions.find, cookie.session_id, self._clock()) is None:
            return None
        return cookie

    @property
    def is_secure(self) -> bool:
        """True if browsers use TLS, so that cookies must not be sent without it."""
        return self._is_secure

    def signed_cookie(self, request: Request) -> Cookie | None:
        """Return a validly signed cookie. Its session may have ended: it grants nothing."""
        return self._cookies.verify(request.cookies.get(self._cookie, ""))

    async def log_in(self, request: Request, token: str) -> Cookie:
        """Begin a session for a client that sends the admin token.

        Raises Unauthorized, TooManyGuesses or Forbidden.
        """
        self._check_origin(request)
        given = token.encode(errors="replace")
        self._require_token(request, given, door="pages", sentence=WRONG_CREDENTIAL)
        cookie = self._cookies.make()
        await self._begin_session(request, cookie)
        return cookie

    async def log_in_by_link(self, request: Request, code: str) -> Cookie:
        """Begin the only session of a login link. Raises Unauthorized or TooManyGuesses."""
        expires_at = self._links.expires_at(code)
        if expires_at is None:
            self._refuse(request, code.encode(errors="replace"), door="link", sentence=LINK_EXPIRED)
        elif request.method == "GET" and self._clock().timestamp() <= expires_at:  # HEAD does not use it up
            cookie = self._cookies.make_for_link(code)
            if await self._begin_session(request, cookie):
                return cookie
        raise Unauthorized(LINK_EXPIRED)

    async def log_out(self, request: Request) -> None:
        """End the session of a request in all processes and for all copies of its cookie."""
        if cookie := self._cookies.verify(request.cookies.get(self._cookie, "")):
            await self._store.write(sessions.end, [cookie.session_id], self._clock())

    def set_session_cookie(self, response: Response, session: Cookie) -> None:
        """Add the session cookie to a response."""
        self._set_cookie(response, session.value, max_age=int(LIFETIME.total_seconds()))

    def clear_session_cookie(self, response: Response) -> None:
        """Delete the session cookie in the browser."""
        self._set_cookie(response, "", max_age=0)

    async def _begin_session(self, request: Request, cookie: Cookie) -> bool:
        now = self._clock()
        session = Session(
            id=cookie.session_id, begun_at=now, expires_at=now + LIFETIME, address=_address(request) or None
        )
        return await self._store.write(sessions.begin, session)

    def _set_cookie(self, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._cookie, value, max_age=max_age, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def _require_bearer(self, request: Request) -> None:
        sentence = "this credential is not accepted: send Authorization: Bearer and the admin token"
        credentials = request.headers.getlist("authorization")
        scheme, _, given = credentials[0].partition(" ")
        if len(credentials) > 1 or scheme.lower() != "bearer":
            raise Unauthorized(sentence)  # not a guess: no token was given, or two, and a proxy may have read the other
        # Starlette decodes every header as Latin-1: encode it back to the bytes, which may be a token in UTF-8
        self._require_token(request, given.strip().encode("latin-1"), door="api", sentence=sentence)

    def _require_token(self, request: Request, given: bytes, *, door: str, sentence: str) -> None:
        """Raise Unauthorized or TooManyGuesses unless this is the admin token.

        While an address is over the limit of guesses, a guessable admin token is not compared at all. A long random one
        is still accepted: behind a proxy that hides addresses, one attacker would lock out all other users.
        """
        is_limited = self._guesses[door].wait_s(_address(request), given) > 0
        if (is_limited and is_guessable(self._admin_token)) or not constant_time_equals(given, self._admin_token):
            self._refuse(request, given, door=door, sentence=sentence)

    def _refuse(self, request: Request, given: bytes, *, door: str, sentence: str) -> None:
        """Count a wrong credential. Raises Unauthorized or TooManyGuesses."""
        address, guesses = _address(request), self._guesses[door]
        if wait_s := guesses.wait_s(address, given):
            self._metrics.logins_refused.labels(door, "too_many").inc()
            raise TooManyGuesses(
                f"too many wrong credentials came from this address; try again in {wait_s} s", retry_after_s=wait_s
            )
        braked_s = guesses.add(address, given)
        self._metrics.logins_refused.labels(door, "wrong").inc()
        log.warning("login refused", client=address, door=door, **({"braked_s": braked_s} if braked_s else {}))
        raise Unauthorized(sentence)

    def _check_origin(self, request: Request) -> None:
        if request.method not in SAFE_METHODS and is_cross_origin(request.headers, self._public_url):
            raise Forbidden(
                "this request was sent by a page of another site; if that site is this one behind a proxy, "
                "set ROUNDSMAN_PUBLIC_URL to the address in the browser"
            )


def is_guessable(token: str) -> bool:
    """Return whether trying thousands of tokens a second could find this one.

    That is a token of under 32 characters, or of under 10 different ones.
    """
    return len(token) < 32 or len(set(token)) < 10


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
