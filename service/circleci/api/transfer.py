"""One call over the wire: what is sent, and how much of the answer is read."""

import asyncio
from http.cookiejar import CookieJar
from typing import Any
from urllib.parse import urlsplit

import httpx

from service.circleci.api.request import Answer, Call
from service.errors import BadConfig

CLOUD = "circleci.com"
MAX_ANSWER_BYTES = 10_000_000
MAX_ERROR_BYTES = 64_000  # of an answer that is no success only a sentence is read
MAX_CHUNKS = 20_000
CHUNKS_PER_YIELD = 64
TIMEOUT = httpx.Timeout(10, connect=5)


class NoCookies(CookieJar):
    """A jar that stays empty: an API has no use for them, and each would be kept and sent back."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Leave them where they are."""


def connect(url: str, token: str | None, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient | None:
    """Connections to the API under CircleCI's address; none without a token.

    Redirects are not followed: one to another host would take the token there. Answers are asked for as they are:
    a small packed one may be of any size, and is unpacked before its size is known.
    """
    if token is None:
        return None
    if not (token.isascii() and token.isprintable() and token.strip()):  # the library's own error would show it
        raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN: holds a character that no token has; copy the token again")
    return httpx.AsyncClient(
        base_url=f"{url.rstrip('/')}/api/v2",
        headers={"Accept": "application/json", "Accept-Encoding": "identity", **credential(url, token)},
        timeout=TIMEOUT,
        transport=transport,
        cookies=NoCookies(),
        follow_redirects=False,
    )


def credential(url: str, token: str) -> dict[str, str]:
    """Return the header that carries the token: the one that the CircleCI at this address is known to take.

    Bearer is what CircleCI documents for its cloud; a server takes it since some release only, ``Circle-Token`` always.
    """
    host = urlsplit(url).hostname or ""
    is_cloud = host == CLOUD or host.endswith(f".{CLOUD}")
    return {"Authorization": f"Bearer {token}"} if is_cloud else {"Circle-Token": token}


async def fetch(http: httpx.AsyncClient, call: Call) -> Answer:
    """Make the call; the answer is cut off soon after it has become larger than we are willing to read.

    The library holds the head of an answer to about 100 kB; how long all of it may take is up to the caller.
    """
    async with http.stream(call.method, call.path, params=call.query, json=call.json) as response:
        headers = {name.lower(): value for name, value in response.headers.items()}
        content_encoding = _content_encoding(headers.get("content-encoding", ""))
        is_too_large = False
        body = b""
        if not content_encoding:
            limit = MAX_ANSWER_BYTES if response.is_success else MAX_ERROR_BYTES
            body, is_too_large = await _read(response, limit)
        return Answer(
            status=response.status_code,
            headers=headers,
            body=body,
            content_encoding=content_encoding,
            is_too_large=is_too_large,
        )


def _content_encoding(encodings: str) -> str:
    """The encodings that change the body; the library never sees a body that has any."""
    named = [encoding.strip().lower() for encoding in encodings.split(",")]
    return ", ".join(encoding for encoding in named if encoding not in {"", "identity"})


async def _read(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """The body, and whether there is more of it than the limit, or it comes in more pieces than are worth taking."""
    body = bytearray()
    chunks = 0
    async for chunk in response.aiter_bytes():
        body += chunk
        chunks += 1
        if len(body) > limit or chunks > MAX_CHUNKS:
            return bytes(body[:limit]), True
        if chunks % CHUNKS_PER_YIELD == 0:  # thousands may be at hand at once, and reading them awaits nothing
            await asyncio.sleep(0)
    return bytes(body), False
