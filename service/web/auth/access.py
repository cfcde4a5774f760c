"""Access to the API by the admin token, and to the pages by a session, begun with the token or with a login link.

There is always an admin token. A browser must not be talked into using its session by some other site, so where a
request came from counts too.
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
    """Lets in those who may come in, and says by which right: that goes on record beside what they did.

    public_url    our address as browsers see it, if a proxy stands before us
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
        # a door each: what is guessed at the login keeps no program from the API
        self._guesses = {door: GuessLimiter(clock) for door in ("api", "pages", "link")}
        self._is_secure = public_url is not None and public_url.startswith("https://")
        # a browser takes a cookie of this name only over TLS and for this very host: no neighbour can plant one
        self._cookie = "__Host-roundsman" if self._is_secure else "roundsman"

    async def require(self, request: Request) -> str:
        """By which right a request to the API comes in. Raises Unauthorized, TooManyGuesses or Forbidden.

        A session is enough to look; to change something the token itself is needed, which no browser sends unasked.
        """
        self._check_origin(request)
        if "authorization" in request.headers:
            self._require_bearer(request)
            return BY_TOKEN
        if request.method in SAFE_METHODS and await self.session(request):
            return BY_SESSION
        raise Unauthorized("the API needs a credential: send Authorization: Bearer and the admin token")

    async def require_session(self, request: Request) -> Cookie:
        """The session in which a page is looked at. Raises Unauthorized when there is none, or Forbidden."""
        self._check_origin(request)
        if session := await self.session(request):
            return session
        raise Unauthorized("please log in first")

    async def require_form(self, request: Request, form_token: str) -> str:
        """By which right a page's form comes in: it must be ours, of this session. Raises Unauthorized or Forbidden."""
        session = await self.require_session(request)
        if not constant_time_equals(form_token.encode(errors="replace"), session.form_token):
            raise Forbidden("this form is not of your session, or too old; go back, reload the page and try again")
        return BY_SESSION

    async def session(self, request: Request) -> Cookie | None:
        """Return the open session of a request; None without one. Raises Temporary when the database is away."""
        cookie = self._cookies.verify(request.cookies.get(self._cookie, ""))
        if cookie is None or await self._store.read(sessions.find, cookie.session_id, self._clock()) is None:
            return None
        return cookie

    @property
    def is_secure(self) -> bool:
        """Whether browsers come over TLS, so that cookies must not go any other way."""
        return self._is_secure

    def signed_cookie(self, request: Request) -> Cookie | None:
        """Return the cookie of a session that was begun here, and may have ended since: no right to anything."""
        return self._cookies.verify(request.cookies.get(self._cookie, ""))

    async def log_in(self, request: Request, token: str) -> Cookie:
        """Begin a session for a caller that knows the admin token. Raises Unauthorized, TooManyGuesses or Forbidden."""
        self._check_origin(request)
        given = token.encode(errors="replace")
        self._require_token(request, given, door="pages", sentence=WRONG_CREDENTIAL)
        cookie = self._cookies.make()
        await self._begin_session(request, cookie)
        return cookie

    async def log_in_by_link(self, request: Request, code: str) -> Cookie:
        """Begin the one session of a login link. Raises Unauthorized or TooManyGuesses."""
        expires_at = self._links.expires_at(code)
        if expires_at is None:
            self._refuse(request, code.encode(errors="replace"), door="link", sentence=LINK_EXPIRED)
        elif request.method == "GET" and self._clock().timestamp() <= expires_at:  # HEAD does not use it up
            cookie = self._cookies.make_for_link(code)
            if await self._begin_session(request, cookie):
                return cookie
        raise Unauthorized(LINK_EXPIRED)

    async def log_out(self, request: Request) -> None:
        """End the session of a request, for every process and every copy of its cookie."""
        if cookie := self._cookies.verify(request.cookies.get(self._cookie, "")):
            await self._store.write(sessions.end, [cookie.session_id], self._clock())

    def set_session_cookie(self, response: Response, session: Cookie) -> None:
        """Have the browser keep a session."""
        self._set_cookie(response, session.value, max_age=int(LIFETIME.total_seconds()))

    def clear_session_cookie(self, response: Response) -> None:
        """Have the browser drop its session."""
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
            raise Unauthorized(sentence)  # no guess: it could not be right, and of two a proxy may have seen the other
        # headers are read as Latin-1 whatever was sent: back to the bytes, which may be a token in UTF-8
        self._require_token(request, given.strip().encode("latin-1"), door="api", sentence=sentence)

    def _require_token(self, request: Request, given: bytes, *, door: str, sentence: str) -> None:
        """Raise Unauthorized or TooManyGuesses unless this is the admin token.

        A token that could be guessed is not even looked at while its address is braked. One that could not is let in
        all the same: behind a proxy that hides addresses, one who guesses would shut out everyone else.
        """
        is_braked = self._guesses[door].wait_s(_address(request), given) > 0
        if (is_braked and is_guessable(self._admin_token)) or not constant_time_equals(given, self._admin_token):
            self._refuse(request, given, door=door, sentence=sentence)

    def _refuse(self, request: Request, given: bytes, *, door: str, sentence: str) -> None:
        """Count a wrong credential, or one that is not looked at. Raises Unauthorized or TooManyGuesses."""
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
    """Tell whether a token is short or monotonous enough to be found by trying, at thousands a second."""
    return len(token) < 32 or len(set(token)) < 10


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
