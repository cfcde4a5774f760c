"""Responses with an ETag; 304 to a reader that has the same."""

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

MAX_AGE_S = 60
HEADERS = {
    "Cache-Control": f"private, max-age={MAX_AGE_S}",
    "Vary": "Cookie, Authorization",
    # these are opened as pages too, and hold words from outside
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the address may hold a key
}


def cached_response(request: Request, body: bytes, *, media_type: str) -> Response:
    """Return a body with its ETag; 304 without it if the reader has the same."""
    tag = f'"{sha256(body).hexdigest()[:32]}"'
    headers = {**HEADERS, "ETag": tag}
    if _has_it(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _has_it(given: str, tag: str) -> bool:
    known = {one.strip().removeprefix("W/") for one in given.split(",")}
    return tag in known or given.strip() == "*"
