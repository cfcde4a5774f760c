"""A pretend OpenID provider: real HTTP on loopback, real keys, and each fault that a test asks for."""

import asyncio
import json
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from service.web.server.server import listen, serving

CLIENT_ID = "roundsman at acme"
CLIENT_SECRET = "an-invented:client/secret"
CODE = "an-invented-code"
CONSENT = """\
<!doctype html><html lang="en"><title>Consent</title>
<h1>Roundsman asks who you are</h1>
<form method="post" action="/consent"><button name="answer" value="yes">Consent</button>
<button name="answer" value="no">Decline</button></form>
"""


@cache  # to make one takes a while
def key(name: str) -> RSAKey:
    """A key pair with an id."""
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig"})


@cache
def curve_key() -> ECKey:
    """A key pair on a curve."""
    return ECKey.generate_key("P-256", {"kid": "curve"})


@dataclass(kw_only=True)
class OidcProvider:
    """A provider that logs everybody in.

    claims       of the ID token, beside those of every token; None removes one
    document     changes of the discovery document
    instead      a body in place of the answer to a path
    hangs        a path that is never answered while a test runs
    """

    clock: Callable[[], datetime]
    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    user_info: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    hangs: str = ""
    algorithm: str = "RS256"
    key: Any = field(default_factory=lambda: key("first"))
    published: list[Any] = field(default_factory=lambda: [key("first")])
    asked: list[str] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def authorize(self, location: str) -> dict[str, str]:
        """Log the user in whose browser was sent to an address; what the browser brings back."""
        assert location.startswith(f"{self.issuer}/authorize?")
        self.begun = dict(parse_qsl(urlsplit(location).query))
        assert self.begun["code_challenge_method"] == "S256"
        return {"code": CODE, "state": self.begun["state"]}

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/authorize", self.ask_for_consent),
                Route("/consent", self.send_back, methods=["POST"]),
                Route("/{path:path}", self.answer, methods=["GET", "POST"]),
            ]
        )

    async def ask_for_consent(self, request: Request) -> Response:
        """Return the page on which a person in a browser consents."""
        self.authorize(f"{self.issuer}/authorize?{request.url.query}")
        return HTMLResponse(CONSENT)

    async def send_back(self, request: Request) -> Response:
        """Send the browser of a person who has consented or declined back."""
        has_consented = b"answer=yes" in await request.body()
        answer = {"code": CODE} if has_consented else {"error": "access_denied"}
        brought = urlencode({**answer, "state": self.begun["state"], "iss": self.issuer})
        return RedirectResponse(f"{self.begun['redirect_uri']}?{brought}", 303)

    async def answer(self, request: Request) -> Response:
        path = request.url.path
        self.asked.append(path)
        if path == self.hangs:
            await self.over.wait()
        if path in self.instead:
            status, body = self.instead[path]
            return Response(body, status, media_type="application/json")
        match path:
            case "/.well-known/openid-configuration":
                return JSONResponse(self._document())
            case "/keys":
                return JSONResponse({"keys": [key.as_dict(private=False) for key in self.published]})
            case "/userinfo":
                assert request.headers["authorization"] == "Bearer an-access-token"
                return JSONResponse(self.user_info)
            case "/token":
                return await self._token(request)
        return Response(status_code=404)

    def _document(self) -> dict[str, Any]:
        paths = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
        known = {name: f"{self.issuer}/{path}" for name, path in paths.items()}
        return {"issuer": self.issuer, **known, "userinfo_endpoint": f"{self.issuer}/userinfo", **self.document}

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        given = form.get("client_id", ""), form.get("client_secret", "")
        if scheme := request.headers.get("authorization", "").removeprefix("Basic "):
            name, _, secret = b64decode(scheme).decode().partition(":")
            given = unquote_plus(name), unquote_plus(secret)
        challenge = urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if given != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401)
        if form["code"] != CODE or challenge != self.begun["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        assert form["redirect_uri"] == self.begun["redirect_uri"]
        return JSONResponse({"access_token": "an-access-token", "token_type": "Bearer", "id_token": self._id_token()})

    def _id_token(self) -> str:
        now = int(self.clock().timestamp())
        claims = {
            "iss": self.issuer, "sub": "4711", "aud": CLIENT_ID, "iat": now, "exp": now + 300,
            "nonce": self.begun["nonce"], "email": "ada@example.com", "email_verified": True, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.algorithm == "none":
            parts = [{"alg": "none", "kid": "first"}, claims]
            return ".".join(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."
        header = {"alg": self.algorithm, "kid": self.key.kid}
        signed: str = jwt.encode(header, claims, self.key, algorithms=[self.algorithm])
        return signed


def secret_key() -> OctKey:
    """A key that is the client's secret, by which a client could sign tokens for itself."""
    return OctKey.import_key(CLIENT_SECRET, {"kid": "first"})


@asynccontextmanager
async def a_provider(clock: Callable[[], datetime]) -> AsyncIterator[OidcProvider]:
    """A provider that answers while the block runs."""
    provider = OidcProvider(clock=clock)
    async with serving(provider.app, listen("127.0.0.1", 0)) as address:
        provider.issuer = address
        try:
            yield provider
        finally:
            provider.over.set()
