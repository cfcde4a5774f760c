"""One HTTP call: its headers, and the limits for reading the answer."""

import asyncio
from collections.abc import Callable
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.circleci.api.request import Answer, Call
from service.errors import BadConfig

CLOUD = "circleci.com"
MAX_ERROR_BYTES = 64_000  # only one sentence of an error is used
MAX_CHUNKS = 20_000
CHUNKS_PER_YIELD = 64
STORAGE_TIMEOUT_S = 10.0
TIMEOUT = httpx.Timeout(10, connect=5)

Sink = Callable[[bytes], bool]
"""A taker of an answer's bytes as they arrive; it returns False if it wants no more."""


class NoCookies(CookieJar):
    """A cookie jar that stays empty.

    An API needs no cookies, and each would be kept and sent back.
    """

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Ignore the cookies of a response."""


def connect(url: str, token: str | None, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient | None:
    """Return a client for the API under CircleCI's address; None without a token.

    Redirects are not followed: one to another host would take the token there. Answers are requested uncompressed: a
    small compressed one may be of any size, and is decompressed before its size is known. Raises BadConfig.
    """
    if token is None:
        return None
    if not (token.isascii() and token.isprintable() and token.strip()):  # the library's own error would show it
        raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN: holds a character that no token has; copy the token again")
    return httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api",
        headers={"Accept": "application/json", "Accept-Encoding": "identity", **auth_header(url, token)},
        timeout=TIMEOUT,
        transport=transport,
        cookies=NoCookies(),
        follow_redirects=False,
    )


def auth_header(url: str, token: str) -> dict[str, str]:
    """Return the header with the token that the CircleCI at this address accepts.

    CircleCI documents Bearer for its cloud; a server accepts ``Circle-Token`` always, and Bearer since some release.
    """
    return {"Authorization": f"Bearer {token}"} if is_cloud(url) else {"Circle-Token": token}


def is_cloud(url: str) -> bool:
    """Return whether an address is that of CircleCI's cloud."""
    host = urlsplit(url).hostname or ""
    return host == CLOUD or host.endswith(f".{CLOUD}")


async def fetch(http: httpx.AsyncClient, call: Call, sink: Sink | None = None) -> Answer:
    """Make the call; reading stops soon after the body exceeds its limit.

    A sink gets the body of a success: then the answer has none. The library limits the headers of an answer to about
    100 kB. The caller limits the time.
    """
    asking = http.stream(call.method, call.path, params=call.query, json=call.json, headers=call.headers)
    async with asking as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        content_encoding = _content_encoding(headers.get("content-encoding", ""))
        is_too_large = False
        body = b""
        if not content_encoding and sink and response.is_success:
            await _pour(response, sink)
        elif not content_encoding:
            limit = call.endpoint.max_bytes if response.is_success else MAX_ERROR_BYTES
            body, is_too_large = await _read(response, limit)
        return Answer(
            status=response.status_code,
            headers=headers,
            body=body,
            content_encoding=content_encoding,
            is_too_large=is_too_large,
        )


def _content_encoding(encodings: str) -> str:
    """Return the encodings that change the body; a body with one is never read."""
    named = [encoding.strip().lower() for encoding in encodings.split(",")]
    return ", ".join(encoding for encoding in named if encoding not in {"", "identity"})


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Return the body, and True if it is cut off.

    It is cut off at ``limit`` bytes, and after ``MAX_CHUNKS`` chunks.
    """
    body = bytearray()
    chunks = 0
    async for chunk in response.aiter_bytes():
        body += chunk
        chunks += 1
        if len(body) > limit or chunks > MAX_CHUNKS:
            return bytes(body[:limit]), True
        if chunks % CHUNKS_PER_YIELD == 0:  # thousands may be buffered, and reading those never yields to the loop
            await asyncio.sleep(0)
    return bytes(body), False


async def _pour(response: httpx.Response, sink: Sink) -> None:
    chunks = 0
    async for chunk in response.aiter_bytes():
        if not sink(chunk):
            return
        chunks += 1
        if chunks % CHUNKS_PER_YIELD == 0:
            await asyncio.sleep(0)


def connect_storage(transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    """Return a client for addresses that CircleCI names.

    It has no token, and follows no redirect.
    """
    return httpx.AsyncClient(
        headers={"Accept-Encoding": "identity"},
        timeout=TIMEOUT,
        transport=transport,
        cookies=NoCookies(),
        follow_redirects=False,
    )


async def fetch_storage(storage: httpx.AsyncClient, url: str, limit: int) -> bytes:
    """Return the bytes at an address, ``limit`` at most; none if it cannot be read."""
    try:
        async with asyncio.timeout(STORAGE_TIMEOUT_S), storage.stream("GET", url) as response:
            if not response.is_success or _content_encoding(response.headers.get("content-encoding", "")):
                return b""
            return (await _read(response, limit))[0]
    except (TimeoutError, httpx.HTTPError):
        return b""
