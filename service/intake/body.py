"""The body of a post, counted while it arrives: a sender who lies about its length gains nothing."""

import asyncio

from starlette.requests import Request

from service.errors import BadRequest

READ_WITHIN_S = 8.0


async def read_body(request: Request, max_body_bytes: int) -> bytes:
    """The bytes as received. Raises BadRequest when they are packed, too many or too slow, ClientDisconnect."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BadRequest(f"content-encoding {encoding!a} is not accepted; send the body as it is", status=415)
    if _announced(request) > max_body_bytes:
        raise _too_large(max_body_bytes)
    try:
        async with asyncio.timeout(READ_WITHIN_S):
            return await _collect(request, max_body_bytes)
    except TimeoutError as error:
        raise BadRequest(f"the body did not arrive within {READ_WITHIN_S:.0f} s", status=408) from error


async def _collect(request: Request, max_body_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_body_bytes:
            raise _too_large(max_body_bytes)
    return bytes(body)


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(max_body_bytes: int) -> BadRequest:
    return BadRequest(
        f"the body is larger than {max_body_bytes} bytes; ROUNDSMAN_MAX_BODY_BYTES sets the limit", status=413
    )
