"""Who may come in: the admin token opens the API, a session made from it opens the pages.

Without an admin token both are open, but only on loopback; then a browser must not be talked into using them by some
other site, so where a request came from counts in either case.
"""

import hmac
from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from service.access.session import LIFETIME, Session, Sessions
from service.access.whence import is_addressed_to_loopback, is_from_another_site
from service.errors import Forbidden, Unauthorised

__all__ = ["Access", "Session"]

SAFE_METHODS = frozenset({"GET", "HEAD"})
BY_TOKEN, BY_SESSION, BY_LOOPBACK = "api token", "pages", "loopback"


class Access:
    """Lets in those who may come in, and says by which right: that goes on record beside what they did.

    admin_token   None: everybody who reaches our loopback address is let in
    public_url    our address as browsers see it, if a proxy stands before us
    """

    def __init__(self, *, admin_token: str | None, public_url: str | None, clock: Callable[[], datetime]) -> None:
        self._admin_token = admin_token
        self._public_url = public_url
        self._sessions = Sessions(admin_token, clock=clock)
        self._is_secure = public_url is not None and public_url.startswith("https://")
        # a browser takes a cookie of this name only over TLS and for this very host: no neighbour can plant one
        self._cookie = "__Host-roundsman" if self._is_secure else "roundsman"

    @property
    def is_open(self) -> bool:
        """No credential is needed."""
        return self._admin_token is None

    def require(self, request: Request) -> str:
        """By which right a request to the API comes in. Raises Unauthorised or Forbidden.

        A session is enough to look; to change something the token itself is needed, which no browser sends unasked.
        """
        self._refuse_strangers(request)
        if self._admin_token is None:
            return BY_LOOPBACK
        if "authorization" in request.headers:
            return _by_token(request.headers["authorization"], self._admin_token)
        if request.method in SAFE_METHODS and self._session(request):
            return BY_SESSION
        raise Unauthorised("the API needs a credential: send Authorization: Bearer and ROUNDSMAN_ADMIN_TOKEN's value")

    def visit(self, request: Request) -> Session:
        """The session in which a page is looked at. Raises Unauthorised when there is none, or Forbidden."""
        self._refuse_strangers(request)
        session = self._session(request)
        if session is None and not self.is_open:
            raise Unauthorised("please log in first")
        return session or self._sessions.begin()

    def require_form(self, request: Request, form_token: str) -> str:
        """By which right a page's form comes in: it must be ours, of this session. Raises Unauthorised or Forbidden."""
        session = self.visit(request)
        if not _is_same(form_token, session.form_token):
            raise Forbidden("this form is not of your session, or too old; go back, reload the page and try again")
        return BY_LOOPBACK if self.is_open else BY_SESSION

    def log_in(self, request: Request, token: str) -> Session:
        """A fresh session for a caller that knows the admin token. Raises Unauthorised or Forbidden."""
        self._refuse_strangers(request)
        if self._admin_token is None or not _is_same(token, self._admin_token):
            raise Unauthorised("that is not the admin token; it is what ROUNDSMAN_ADMIN_TOKEN was set to")
        return self._sessions.begin()

    def remember(self, response: Response, session: Session) -> None:
        """Have the browser keep a session that it does not have yet."""
        if session.is_new:
            self._set_cookie(response, session.value, max_age=int(LIFETIME.total_seconds()))

    def forget(self, response: Response) -> None:
        """Have the browser drop its session."""
        self._set_cookie(response, "", max_age=0)

    def _set_cookie(self, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._cookie, value, max_age=max_age, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def _session(self, request: Request) -> Session | None:
        return self._sessions.resume(request.cookies.get(self._cookie, ""))

    def _refuse_strangers(self, request: Request) -> None:
        if self.is_open and not is_addressed_to_loopback(request.headers):
            raise Forbidden(
                "without a credential only this machine is let in, by a loopback address and without a proxy; "
                "set ROUNDSMAN_ADMIN_TOKEN to be reached in another way"
            )
        if request.method not in SAFE_METHODS and is_from_another_site(request.headers, self._public_url):
            raise Forbidden(
                "this request was sent by a page of another site; if that site is this one behind a proxy, "
                "set ROUNDSMAN_PUBLIC_URL to the address in the browser"
            )


def _by_token(authorization: str, admin_token: str) -> str:
    scheme, _, given = authorization.partition(" ")
    # headers are read as Latin-1 whatever was sent: back to the bytes, which may be a token in UTF-8
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), admin_token.encode()):
        raise Unauthorised("this credential is not accepted: send Authorization: Bearer and the admin token")
    return BY_TOKEN


def _is_same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), known.encode())
