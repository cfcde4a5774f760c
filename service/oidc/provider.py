"""The provider: its discovery document and keys, and the login of a user."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from service.config.roles import parse_names
from service.config.setting_values import is_loopback
from service.config.settings import Settings
from service.errors import Temporary, Unauthorized
from service.oidc.client import CALLBACK, Identity, OidcClient
from service.oidc.http import ProviderCalls

MAX_AGE = timedelta(hours=1)
DISCOVERY = "/.well-known/openid-configuration"
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
BY_BASIC, BY_BODY = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The secrets of one login, which its browser keeps until it comes back."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """An OpenID provider.

    Its document and keys are kept for an hour; a key that is not known yet has them fetched anew.
    """

    def __init__(
        self, client: OidcClient, *, clock: Callable[[], datetime], calls: ProviderCalls | None = None
    ) -> None:
        self.client = client
        self._clock = clock
        self._calls = calls or ProviderCalls()
        self._lock = asyncio.Lock()
        self._document: dict[str, Any] = {}
        self._keys: Any = None
        self._fetched_at: datetime | None = None

    async def authorization_url(self, attempt: Attempt) -> str:
        """Return the address at the provider to send a browser to. Raises Temporary."""
        tokens, document = await self._load_library(), await self.discover()
        url: str = tokens.authorization_url(
            document["authorization_endpoint"],
            self.client,
            state=attempt.state,
            nonce=attempt.nonce,
            verifier=attempt.verifier,
        )
        return url

    async def identify(self, code: str, attempt: Attempt) -> Identity:
        """Return the user whose browser brought a code.

        Raises Unauthorized, Forbidden or Temporary.
        """
        library, document = await self._load_library(), await self.discover()
        body = library.token_request(self.client, code=code, verifier=attempt.verifier)
        methods = document.get("token_endpoint_auth_methods_supported", [BY_BASIC])
        in_body = BY_BASIC not in methods and BY_BODY in methods
        tokens = await self._calls.exchange(document["token_endpoint"], body, self.client, in_body=in_body)
        claims = await self._verify(library, tokens, attempt.nonce)
        return self.client.identify(await self._with_user_info(claims, tokens))

    async def discover(self) -> dict[str, Any]:
        """Return the discovery document. Raises Temporary."""
        async with self._lock:
            if self._fetched_at is None or not timedelta(0) <= self._clock() - self._fetched_at < MAX_AGE:
                self._document = self._checked(await self._calls.get(self.client.issuer.rstrip("/") + DISCOVERY))
                self._keys, self._fetched_at = None, self._clock()
            return self._document

    def _checked(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return a document that is of our issuer and names what is needed."""
        host = urlsplit(self.client.issuer).netloc
        if document.get("issuer") != self.client.issuer:
            raise Temporary(
                f"the OpenID provider at {host} names itself otherwise than ROUNDSMAN_OIDC_ISSUER does: compare them, "
                "also the slash at the end"
            )
        wrong = next((name for name in ENDPOINTS if not is_safe_url(document.get(name))), None)
        if wrong:
            raise Temporary(f"the OpenID provider at {host} names no {wrong} with an https address")
        return document

    async def _verify(self, library: Any, tokens: dict[str, Any], nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token; with an unknown key, fetch the keys once more."""
        for is_first in (True, False):
            keys = await self._read_keys(library, is_forced=not is_first)
            try:
                claims: dict[str, Any] = library.verify(tokens, keys, self.client, nonce=nonce, now=self._clock())
                return claims
            except library.UnknownKey:
                continue
        raise Unauthorized("the ID token is not accepted, its key is none of the provider's; log in again")

    async def _read_keys(self, library: Any, *, is_forced: bool) -> Any:
        async with self._lock:
            if self._keys is None or is_forced:
                url = self._document["jwks_uri"]
                try:
                    self._keys = library.read_keys(await self._calls.get(url))
                except ValueError as error:
                    raise Temporary(f"the answer of the OpenID provider at {urlsplit(url).netloc} {error}") from error
            return self._keys

    async def _with_user_info(self, claims: dict[str, Any], tokens: dict[str, Any]) -> dict[str, Any]:
        """Return the claims; without an email address, with those of the user info too."""
        url, token = self._document.get("userinfo_endpoint"), tokens.get("access_token")
        if "email" in claims or not is_safe_url(url) or not isinstance(token, str) or not token.isascii():
            return claims
        more = await self._calls.get(str(url), token=token)
        return {**more, **claims} if more.get("sub") == claims["sub"] else claims

    async def _load_library(self) -> Any:
        return await asyncio.to_thread(import_module, "service.oidc.tokens")


def oidc_client(settings: Settings) -> OidcClient | None:
    """Return our registration at the provider; None if there is none."""
    if not (settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret):
        return None
    return OidcClient(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        redirect_uri=settings.address + CALLBACK,
        domains=parse_names(settings.oidc_domains),
        groups=parse_names(settings.oidc_groups),
    )


def is_safe_url(url: object) -> bool:
    """Return whether this is an address that others on the network cannot read along."""
    if not isinstance(url, str) or len(url) > 2_000 or not url.isascii() or not url.isprintable():
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
