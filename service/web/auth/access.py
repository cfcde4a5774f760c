"""Access control: the API by a token, pages by a session, feeds also by a key.

A session begins with the admin token or with a login link. There is always an admin token; the read token only reads.
The origin of a request is checked too, so that a page of another site cannot make a browser use its session (cross-site
request forgery).
"""

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service.db.database import Store
from service.errors import Forbidden, Rejected, TooManyGuesses, Unauthorized
from service.metrics import Metrics
from service.model import AccessRole, CredentialKind, Session, User
from service.store.people import sessions
from service.text import clean
from service.web.auth.credentials import Credential, parse_credential
from service.web.auth.guess_limiter import GuessLimiter
from service.web.auth.header_users import NO_ROLE_STEP, HeaderUsers
from service.web.auth.oidc_login import OidcLogin
from service.web.auth.request_origin import is_cross_origin
from service.web.auth.rights import require_right
from service.web.auth.session import (
    LIFETIME,
    LINK_LIFETIME,
    Cookie,
    CookieSigner,
    LinkSigner,
    constant_time_equals,
    login_link,
)
from service.web.auth.signed_addresses import PARAMETER, AddressSigner
from service.web.auth.token_file import ensure_token, read_token, token_file

__all__ = ["LINK_LIFETIME", "Access", "Cookie", "ensure_token", "login_link", "read_token", "token_file"]

SAFE_METHODS = frozenset({"GET", "HEAD"})
ADMIN = User(name="api token of admin", role=AccessRole.ADMIN, kind=CredentialKind.ADMIN_TOKEN)
READER = User(name="read token", role=AccessRole.VIEWER, kind=CredentialKind.READ_TOKEN)
KEY_HOLDER = User(name="signed address", role=AccessRole.VIEWER, kind=CredentialKind.SIGNED_ADDRESS)
OF_ADMINS = frozenset({CredentialKind.ADMIN_TOKEN, CredentialKind.LOGIN_LINK})
MAX_NAME = 100
MAX_USER_AGENT = 300
WRONG_CREDENTIAL = (
    "that is not the admin token: it is what ROUNDSMAN_ADMIN_TOKEN was set to, and else in the data folder's file "
    "admin-token; `roundsman login-link` prints a link that needs none"
)
WRONG_API_CREDENTIAL = (
    "this credential is not accepted: send Authorization: Bearer and the admin token, one of "
    "ROUNDSMAN_OPERATOR_TOKENS, or ROUNDSMAN_READ_TOKEN to read"
)
WRONG_KEY = (
    "the key of this address is not valid: it is of another address, or the read token has been replaced since; "
    "`roundsman link ADDRESS` prints the address with its key"
)
BASIC = 'Basic realm="Roundsman", charset="UTF-8"'
LINK_EXPIRED = "this login link has been used, or is too old; `roundsman login-link` prints another"

log = structlog.get_logger()


class Access:
    """Checks credentials and roles; returns the user, whose name is recorded.

    public_url      our address as browsers see it, if there is a proxy in front of us
    operator_tokens   of programs, each with its name
    read_token      None: there is none, and no signed addresses
    header_users    those whom a proxy names; the rules for their roles are those of all users
    """

    def __init__(  # noqa: PLR0913 - two tokens, and what each check needs
        self,
        *,
        admin_token: str,
        public_url: str | None,
        clock: Callable[[], datetime],
        store: Store,
        metrics: Metrics,
        read_token: str | None = None,
        operator_tokens: Sequence[tuple[str, str]] = (),
        header_users: HeaderUsers | None = None,
    ) -> None:
        self._admin_token = admin_token
        self._read_token = read_token
        self._operator_tokens = operator_tokens
        self._header_users = header_users or HeaderUsers()
        self._signer = AddressSigner(read_token) if read_token else None
        self._public_url = public_url
        self._clock = clock
        self._store = store
        self._metrics = metrics
        self._cookies, self._links = CookieSigner(admin_token), LinkSigner(admin_token)
        # one limiter for each login: guesses at the login page must not lock programs out of the API
        self._guesses = {door: GuessLimiter(clock) for door in ("api", "pages", "link", "key")}
        self.oidc: OidcLogin | None = None
        self._is_secure = public_url is not None and public_url.startswith("https://")
        # browsers accept the __Host- prefix only over TLS and from this exact host: no sibling domain can set it
        self._cookie = "__Host-roundsman" if self._is_secure else "roundsman"

    async def require(self, request: Request) -> str:
        """Return the name of the user of an API request: see ``require_user``."""
        return (await self.require_user(request)).name

    async def require_user(self, request: Request) -> User:
        """Return the user of an API request, who has a token or a session.

        A session and the read token may only read. Writing needs a token of an operator or the admin, which no browser
        sends by itself.
        Raises Unauthorized, TooManyGuesses or Forbidden.
        """
        self.check_origin(request)
        user = await self._user_of_api(request)
        require_right(request, user)
        return user

    async def _user_of_api(self, request: Request) -> User:
        if "authorization" in request.headers:
            return self._require_token_of_api(request)
        if request.method in SAFE_METHODS and (user := await self.user(request)):
            return user
        raise Unauthorized("the API needs a credential: send Authorization: Bearer and the admin token")

    def require_token_to_read(self, request: Request) -> User:
        """Return the user for the token of a program that only reads.

        No session opens this: a browser sends its cookie by itself. Raises Unauthorized, TooManyGuesses or Forbidden.
        """
        self.check_origin(request)
        if "authorization" not in request.headers:
            raise Unauthorized("this needs a token: send Authorization: Bearer and ROUNDSMAN_READ_TOKEN")
        return self._require_token_of_api(request)

    async def require_reader(self, request: Request) -> str:
        """Return the name of the user of a request for a feed, a badge or the board.

        That is the address's own key, else a token or a session. Raises Unauthorized, TooManyGuesses or Forbidden.
        """
        if PARAMETER in request.query_params:
            self._require_key(request)
            return KEY_HOLDER.name
        try:
            return await self.require(request)
        except Unauthorized as error:
            if self._read_token is None:
                raise
            sentence = f"{error}, the read token as the password of Basic, or an address that `roundsman link` prints"
            raise Unauthorized(sentence, challenge=f"{BASIC}, Bearer") from error

    def signed(self, address: str) -> str:
        """Return the path and query of an address with its key.

        Without a read token it is returned as it is. Raises BadRequest for an address that no key opens.
        """
        return self._signer.sign(address) if self._signer else address

    @property
    def has_signed_addresses(self) -> bool:
        """True if there is a read token, which the keys of addresses are made with."""
        return self._signer is not None

    async def require_session(self, request: Request) -> User:
        """Return the user of a page or a form. Raises Unauthorized or Forbidden."""
        self.check_origin(request)
        if user := await self.user(request):
            require_right(request, user)
            return user
        raise Unauthorized("please log in first")

    async def require_form(self, request: Request) -> str:
        """Return the name of the user of a form. Raises Unauthorized or Forbidden."""
        return (await self.require_session(request)).name

    async def user(self, request: Request) -> User | None:
        """Return the user of an open session, else the one whom a proxy names.

        None if there is neither. Raises Temporary, or Forbidden for a user without a role.
        """
        request.state.user = user = await self._find_user(request)
        return user

    async def _find_user(self, request: Request) -> User | None:
        if (cookie := self._find_cookie(request)) and (
            session := await self._store.read(sessions.find, cookie.session_id, self._clock())
        ):
            return self._user_of(session) if cookie.is_of_admin == (session.kind in OF_ADMINS) else None
        return self._header_users.find(request)

    def _user_of(self, session: Session) -> User | None:
        """Return the user of a session, with the role that the present settings give."""
        role: AccessRole | None = AccessRole.ADMIN
        if session.kind not in OF_ADMINS:
            is_admitted = self.oidc is not None and self.oidc.admits(session.user, session.groups)
            role = self._header_users.rules.role(session.user, session.groups) if is_admitted else None
        return User(name=session.user, role=role, kind=session.kind, session_id=session.id) if role else None

    def _find_cookie(self, request: Request) -> Cookie | None:
        return self._cookies.verify(request.cookies.get(self._cookie, ""))

    @property
    def is_secure(self) -> bool:
        """True if browsers use TLS, so that cookies must not be sent without it."""
        return self._is_secure

    def probable_user(self, request: Request) -> User | None:
        """Return the known user of a request, else a viewer for a validly signed cookie.

        The session of a cookie may have ended: this grants nothing, and is for the navigation of error pages.
        """
        known: User | None = getattr(request.state, "user", None)
        if known is not None:
            return known
        if cookie := self._find_cookie(request):
            kind = CredentialKind.ADMIN_TOKEN
            return User(name="", role=AccessRole.VIEWER, kind=kind, session_id=cookie.session_id)
        return None

    async def log_in(self, request: Request, token: str, name: str = "") -> Cookie:
        """Begin a session for a client that sends the admin token.

        name   recorded with what is done in it; without one, that of the token
        Raises Unauthorized, TooManyGuesses or Forbidden.
        """
        self.check_origin(request)
        given = token.encode(errors="replace")
        self._require_token(request, given, door="pages", sentence=WRONG_CREDENTIAL)
        cookie = self._cookies.make()
        await self._begin_session(request, cookie, _name(name, "admin token"))
        return cookie

    async def log_in_by_link(self, request: Request, code: str) -> Cookie:
        """Begin the only session of a login link. Raises Unauthorized or TooManyGuesses."""
        read = self._links.read(code)
        if read is None:
            self._refuse(request, code.encode(errors="replace"), door="link", sentence=LINK_EXPIRED)
        elif request.method == "GET" and self._clock().timestamp() <= read[0]:  # HEAD does not use it up
            cookie = self._cookies.make_for_link(code)
            name = _name(read[1], "login link")
            if await self._begin_session(request, cookie, name, kind=CredentialKind.LOGIN_LINK):
                return cookie
        raise Unauthorized(LINK_EXPIRED)

    async def log_in_at_provider(self, request: Request, oidc: OidcLogin) -> tuple[Cookie, str]:
        """Begin a session for a browser that comes back from the provider.

        Returns the path wanted too. Raises Unauthorized, Forbidden, BadRequest or Temporary.
        """
        try:
            identity, wanted = await oidc.finish(request)
            if self._header_users.rules.role(identity.email, identity.groups) is None:
                raise Forbidden(f"there is no role for {identity.email} here", next_step=NO_ROLE_STEP)
        except Rejected as error:
            self._metrics.logins_refused.labels("openid", "wrong").inc()
            log.warning("login refused", client=_address(request), door="openid", reason=str(error))
            raise
        cookie = self._cookies.make_for_user()
        kind, groups = CredentialKind.OPENID_CONNECT, identity.groups
        await self._begin_session(request, cookie, identity.email, kind=kind, groups=groups)
        return cookie, wanted

    async def log_out(self, request: Request) -> None:
        """End the session of a request in all processes and for all copies of its cookie."""
        if cookie := self._find_cookie(request):
            await self._store.write(sessions.end, [cookie.session_id], self._clock())

    def now(self) -> datetime:
        """Return the time by the clock of sessions."""
        return self._clock()

    def set_session_cookie(self, response: Response, session: Cookie) -> None:
        """Add the session cookie to a response."""
        self._set_cookie(response, session.value, max_age=int(LIFETIME.total_seconds()))

    def clear_session_cookie(self, response: Response) -> None:
        """Delete the session cookie in the browser."""
        self._set_cookie(response, "", max_age=0)

    async def _begin_session(
        self,
        request: Request,
        cookie: Cookie,
        name: str,
        *,
        kind: CredentialKind = CredentialKind.ADMIN_TOKEN,
        groups: tuple[str, ...] = (),
    ) -> bool:
        now = self._clock()
        session = Session(
            id=cookie.session_id,
            begun_at=now,
            expires_at=now + LIFETIME,
            address=_address(request) or None,
            user=name,
            kind=kind,
            groups=groups,
            user_agent=clean(request.headers.get("user-agent", ""))[:MAX_USER_AGENT] or None,
        )
        return await self._store.write(sessions.begin, session)

    def _set_cookie(self, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._cookie, value, max_age=max_age, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def _require_token_of_api(self, request: Request) -> User:
        """Return the user for the token that the Authorization header has.

        To read, it may be the read token. No other is accepted as the password of Basic: browsers keep that, and send
        it by themselves.
        """
        credential = parse_credential(request)
        if credential is None:
            raise Unauthorized(WRONG_API_CREDENTIAL)  # not a guess: no token was given, or two
        if self._is_read_token(request, credential):
            return READER
        if credential.is_bearer and (name := self._operator_of(request, credential.token)):
            return User(name=f"api token of {name}", role=AccessRole.OPERATOR, kind=CredentialKind.OPERATOR_TOKEN)
        if not credential.is_bearer or not self._is_accepted(request, credential.token, self._admin_token, door="api"):
            self._refuse(request, credential.token, door="api", sentence=WRONG_API_CREDENTIAL)
        return ADMIN

    def _operator_of(self, request: Request, given: bytes) -> str | None:
        """Return the name of the operator's token that this is, if it is one."""
        names = [name for name, token in self._operator_tokens if self._is_accepted(request, given, token, door="api")]
        return names[0] if names else None

    def _is_read_token(self, request: Request, credential: Credential) -> bool:
        return self._read_token is not None and self._is_accepted(
            request, credential.token, self._read_token, door="api"
        )

    def _require_key(self, request: Request) -> None:
        """Raise Unauthorized or TooManyGuesses unless the address has its own key, once."""
        given = request.query_params.getlist(PARAMETER)
        pairs = [(name, value) for name, value in request.query_params.multi_items() if name != PARAMETER]
        if self._signer is None:
            raise Unauthorized(
                "there are no signed addresses: set ROUNDSMAN_READ_TOKEN, which their keys are made with"
            )
        if len(given) > 1 or not self._signer.verify(request.scope["path"], pairs, given[0]):
            self._refuse(request, given[0].encode(errors="replace"), door="key", sentence=WRONG_KEY)

    def _require_token(self, request: Request, given: bytes, *, door: str, sentence: str) -> None:
        """Raise Unauthorized or TooManyGuesses unless this is the admin token."""
        if not self._is_accepted(request, given, self._admin_token, door=door):
            self._refuse(request, given, door=door, sentence=sentence)

    def _is_accepted(self, request: Request, given: bytes, token: str, *, door: str) -> bool:
        """Return whether this is the token.

        While an address is over the limit of guesses, a guessable token is not compared at all. A long random one is
        still accepted: behind a proxy that hides addresses, one attacker would lock out all other users.
        """
        is_limited = self._guesses[door].wait_s(_address(request), given) > 0
        return not (is_limited and is_guessable(token)) and constant_time_equals(given, token)

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

    def check_origin(self, request: Request) -> None:
        """Raise Forbidden for a form that a page of another site sent."""
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


def _name(given: str, credential: str) -> str:
    """Return the name of a session of an admin: what was entered proves nothing."""
    name = " ".join(clean(given).split())[:MAX_NAME]
    return f"{name} ({credential})" if name else "admin"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
