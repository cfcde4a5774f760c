"""The body of a post, counted while it arrives: a sender who lies about its length gains nothing."""

import asyncio

from starlette.requests import Request

from service.errors import BadRequest, Temporary

READ_TIMEOUT_S = 8.0
MAX_ARRIVING_BYTES = 64 * 2**20  # of all bodies that are arriving: whoever sends them has not yet shown who it is
SMALL_BYTES = 64 * 2**10  # CircleCI's have a few thousand: they are read, whatever else is arriving

MAX_UNSIGNED_BYTES = 16 * 2**10
UNSIGNED_TIMEOUT_S = 2.0
UNSIGNED_EVERY_S = 1.0
MAX_UNSIGNED_ADDRESSES = 50


class BodyReader:
    """Reads bodies, and knows how much of them is in memory."""

    def __init__(self) -> None:
        self._arriving_bytes = 0
        self._unsigned_at: dict[str | None, float] = {}  # by the event loop's clock, for each address of late

    async def read_unsigned(self, request: Request) -> bytes | None:
        """The body of a post that is refused anyway: only a small one, whose length is announced, and seldom.

        None when it is not read to its end. Raises ClientDisconnect.
        """
        if not self.has_room_for_unsigned(_content_length(request), address_of(request)):
            return None
        body = bytearray()
        try:
            async with asyncio.timeout(UNSIGNED_TIMEOUT_S):
                async for chunk in request.stream():
                    body += chunk
        except TimeoutError:
            return None
        return bytes(body[:MAX_UNSIGNED_BYTES])

    def has_room_for_unsigned(self, size: int, address: str | None) -> bool:
        """Tell whether a body without a signature of ours may be looked into: one a second from each address.

        A flood from one address so takes no room from others; of many addresses, few are looked into.
        """
        now = asyncio.get_running_loop().time()
        recent = {other: at for other, at in self._unsigned_at.items() if now < at + UNSIGNED_EVERY_S}
        if not 0 < size <= MAX_UNSIGNED_BYTES or address in recent or len(recent) >= MAX_UNSIGNED_ADDRESSES:
            return False
        self._unsigned_at = {**recent, address: now}
        return True

    async def read(self, request: Request, max_body_bytes: int) -> bytes:
        """The bytes as received.

        Raises BadRequest when they are packed, too many or too slow, ClientDisconnect, and Temporary when there are too
        many of others.
        """
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"", "identity"}:
            reason = f"content-encoding {encoding[:40]!a} is not accepted"
            raise BadRequest(reason, status=415, next_step="send the body as it is")
        if _content_length(request) > max_body_bytes:
            raise _too_large(max_body_bytes)
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                return await self._collect(request, max_body_bytes)
        except TimeoutError as error:
            raise BadRequest(f"the body did not arrive within {READ_TIMEOUT_S:.0f} s", status=408) from error

    async def _collect(self, request: Request, max_body_bytes: int) -> bytes:
        body = bytearray()
        try:
            async for chunk in request.stream():
                body += chunk
                self._arriving_bytes += len(chunk)
                if len(body) > max_body_bytes:
                    raise _too_large(max_body_bytes)
                if len(body) > SMALL_BYTES and self._arriving_bytes > MAX_ARRIVING_BYTES:
                    raise Temporary("too many large bodies arrive at once")
            return bytes(body)
        finally:
            self._arriving_bytes -= len(body)


def address_of(request: Request) -> str | None:
    """Return the IP address that a request comes from, where it is known."""
    return request.client.host if request.client else None


def _content_length(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


def _too_large(max_body_bytes: int) -> BadRequest:
    reason = f"the body is larger than {max_body_bytes} bytes"
    return BadRequest(reason, status=413, next_step="ROUNDSMAN_MAX_BODY_BYTES sets the limit")
