"""Calls to the provider, with limits of time and size."""

import asyncio
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx

from service.errors import Temporary, Unauthorized
from service.network_errors import describe
from service.oidc.client import OidcClient

MAX_BYTES = 262_144
TIMEOUT_S = 10.0
_CODE = re.compile(r"[a-z_]{1,40}")
_OUR_SETTINGS = {"invalid_client", "unauthorized_client", "invalid_request"}


class ProviderCalls:
    """Calls to one provider.

    timeout_s   of a whole call, even if bytes keep coming in slowly
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self._transport = transport
        self._timeout_s = timeout_s

    async def get(self, url: str, *, token: str | None = None) -> dict[str, Any]:
        """Return the JSON object at an address. Raises Temporary."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        status, answer = await self._call("GET", url, headers=headers)
        if status != 200 or answer is None:
            raise Temporary(f"the OpenID provider at {_host(url)} answered {status} without what was asked for")
        return answer

    async def exchange(self, url: str, body: str, client: OidcClient, *, in_body: bool) -> dict[str, Any]:
        """Return the tokens for a code. Raises Unauthorized or Temporary.

        in_body   send the secret in the body, as the provider wants it, and not as the password of Basic
        """
        name, secret = quote_plus(client.client_id), quote_plus(client.client_secret)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if in_body:
            body = f"{body}&client_id={name}&client_secret={secret}"
        else:  # RFC 6749, 2.3.1: both are encoded as in a form first
            headers["Authorization"] = f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"
        status, answer = await self._call("POST", url, headers=headers, content=body)
        if status == 200 and answer is not None:
            return answer
        if status >= 500 or answer is None:
            raise Temporary(f"the OpenID provider at {_host(url)} answered {status} without tokens; log in again soon")
        raise Unauthorized(_refusal(answer.get("error")))

    async def _call(
        self, method: str, url: str, *, headers: Mapping[str, str], content: str | None = None
    ) -> tuple[int, dict[str, Any] | None]:
        """Return the status, and the JSON object of the answer, or None. Raises Temporary.

        Redirects are not followed, and answers are requested uncompressed, so that their size is known.
        """
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", **headers}
        try:
            async with asyncio.timeout(self._timeout_s), httpx.AsyncClient(transport=self._transport) as http:
                asking = http.stream(method, url, headers=headers, content=content, timeout=self._timeout_s)
                async with asking as response:
                    return response.status_code, _parse(await _read(response, _host(url)))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Temporary(f"the OpenID provider at {_host(url)} {describe(error)}", detail=repr(error)) from error


async def _read(response: httpx.Response, host: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            raise Temporary(f"the OpenID provider at {host} gave an answer of more than {MAX_BYTES} bytes")
    return bytes(body)


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _refusal(code: object) -> str:
    """Return a sentence for a refused code, which quotes nothing but a plain word."""
    named = f" ({code})" if isinstance(code, str) and _CODE.fullmatch(code) else ""
    step = "log in again"
    if code in _OUR_SETTINGS:
        step = "compare ROUNDSMAN_OIDC_CLIENT_ID, ROUNDSMAN_OIDC_CLIENT_SECRET and our address with the provider's"
    return f"the OpenID provider did not accept the login{named}; {step}"


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]
