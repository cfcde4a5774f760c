"""The tokens that exporters send along, replaced while the process runs."""

import hmac
from collections.abc import Sequence

from starlette.requests import Request

from service.errors import Unauthorized
from service.web.auth.credentials import parse_credential


class SpanTokens:
    """The tokens that are accepted, newest first: two while one replaces the other."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = tuple(token.encode() for token in tokens)

    @property
    def are_there(self) -> bool:
        """True if there is one."""
        return bool(self._tokens)

    def replace(self, tokens: Sequence[str]) -> None:
        """Accept other tokens from the next request on."""
        self._tokens = tuple(token.encode() for token in tokens)

    def require(self, request: Request) -> int:
        """Return the number of a request's token, from 1; raise Unauthorized if none."""
        credential = parse_credential(request) if "authorization" in request.headers else None
        given = credential.token if credential and credential.is_bearer else b""
        for number, token in enumerate(self._tokens, start=1):
            if hmac.compare_digest(given, token):
                return number
        raise Unauthorized("send Authorization: Bearer and ROUNDSMAN_OTLP_TOKEN; `roundsman otlp apply` sets it up")
