"""The login at an OpenID provider, from which the browser comes back."""

import hmac
import json
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from itsdangerous import BadSignature
from starlette.requests import Request
from starlette.responses import Response

from service.errors import Unauthorized
from service.oidc.client import Identity
from service.oidc.provider import Attempt, Provider
from service.web.auth.session import signer
from service.web.parameters import single_valued_params

LIFETIME = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=1)
"""Lifetime of the cookie with the page asked for: longer than the login, so that the next attempt leads there."""
MAX_WANTED = 1_000
NOT_OURS = (
    "this login was begun in another browser, in another tab since, or more than 10 minutes ago; log in again from here"
)
REFUSED = "the OpenID provider did not log you in ({error}); log in again, or ask its admin whether you may"


class OidcLogin:
    """Logins at one provider.

    The secrets of a login wait in a signed cookie of its browser: they end with it, need no row, and a code that an
    attacker has begun to fetch is of no use in another browser.
    """

    def __init__(self, provider: Provider, *, admin_token: str, clock: Callable[[], datetime], is_secure: bool) -> None:
        self.provider = provider
        self._signer = signer(admin_token, "roundsman login at a provider")
        self._clock = clock
        self._is_secure = is_secure
        self._cookie = "__Host-roundsman-login" if is_secure else "roundsman-login"

    @property
    def host(self) -> str:
        """The host of the provider, for people."""
        return urlsplit(self.provider.client.issuer).netloc

    def admits(self, email: str, groups: tuple[str, ...]) -> bool:
        """Return whether the present settings still let a user in."""
        return self.provider.client.admits(email, groups)

    async def begin(self, response: Response, wanted: str) -> None:
        """Redirect a response to the provider, which sends the browser back.

        wanted   the path to redirect to after the login. Raises Temporary.
        """
        attempt = Attempt(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48)
        )
        response.headers["Location"] = await self.provider.authorization_url(attempt)
        expires_at = int((self._clock() + LIFETIME).timestamp())
        kept = [
            attempt.state,
            attempt.nonce,
            attempt.verifier,
            wanted if len(wanted) <= MAX_WANTED else "/",
            expires_at,
        ]
        # hex: a value with = in it would be quoted, and not every client takes the quotes off
        value = self._signer.sign(json.dumps(kept).encode().hex()).decode()
        self._set_cookie(response, value, max_age=int(KEPT_FOR.total_seconds()))

    async def finish(self, request: Request) -> tuple[Identity, str]:
        """Return the user whom the provider names, and the path wanted.

        Raises Unauthorized, Forbidden, BadRequest or Temporary.
        """
        given = single_valued_params(request.query_params)
        attempt, wanted = self._read_cookie(request)
        if request.method != "GET" or not hmac.compare_digest(given.get("state", "").encode(), attempt.state.encode()):
            raise Unauthorized(NOT_OURS)
        if given.get("iss", self.provider.client.issuer) != self.provider.client.issuer:  # RFC 9207
            raise Unauthorized(NOT_OURS)
        if error := given.get("error"):
            is_word = error.isascii() and error.replace("_", "").isalpha() and len(error) <= 40
            raise Unauthorized(REFUSED.format(error=error if is_word else "it gave an error"))
        return await self.provider.identify(given.get("code", ""), attempt), wanted

    def wanted(self, request: Request) -> str:
        """Return the path that a browser asked for before its login, ``/`` if unknown.

        It stays known of a login that the provider refuses or that took too long, so that the next one leads there.
        """
        try:
            return str(self._unsign(request)[3])
        except Unauthorized:
            return "/"

    def forget(self, response: Response) -> None:
        """Delete the cookie of a login: each is good for one."""
        self._set_cookie(response, "", max_age=0)

    def _read_cookie(self, request: Request) -> tuple[Attempt, str]:
        state, nonce, verifier, wanted, expires_at = self._unsign(request)
        if self._clock().timestamp() > expires_at:
            raise Unauthorized(NOT_OURS)
        return Attempt(state=state, nonce=nonce, verifier=verifier), wanted

    def _unsign(self, request: Request) -> list[Any]:
        """Return what the cookie of a login keeps, also expired. Raises Unauthorized."""
        try:
            kept: list[Any] = json.loads(
                bytes.fromhex(self._signer.unsign(request.cookies.get(self._cookie, "")).decode())
            )
        except (BadSignature, ValueError) as error:
            raise Unauthorized(NOT_OURS) from error
        return kept

    def _set_cookie(self, response: Response, value: str, *, max_age: int) -> None:
        response.set_cookie(
            self._cookie, value, max_age=max_age, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )
