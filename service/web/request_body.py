"""Read the body of a post with limits on size, time and memory.

Bytes are counted as they arrive: a false Content-Length gains nothing.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from service.errors import BadRequest, Temporary
from service.web.post import Post

SMALL_BODY_BYTES = 64 * 2**10  # CircleCI's have a few thousand

MAX_UNSIGNED_BYTES = 16 * 2**10
TURN_INTERVAL_S = 1.0

IDENTITY = frozenset({"", "identity"})
"""The content encodings of a body that is as it is."""


@dataclass(frozen=True, kw_only=True)
class BodyLimits:
    """Limits for posts whose senders are not verified yet.

    timeout_s            for the whole body
    unsigned_timeout_s   for the whole body of a post without a signature, which is refused anyway
    arriving_bytes       of all bodies that are arriving; small ones are read even beyond it
    """

    timeout_s: float = 8.0
    unsigned_timeout_s: float = 1.0
    arriving_bytes: int = 64 * 2**20


class Turn:
    """A turn that is free again after ``TURN_INTERVAL_S``."""

    def __init__(self) -> None:
        self._free_at = 0.0  # by the event loop's clock

    def take(self) -> bool:
        """Take the turn; False if it was taken less than ``TURN_INTERVAL_S`` ago."""
        now = asyncio.get_running_loop().time()
        if now < self._free_at:
            return False
        self._free_at = now + TURN_INTERVAL_S
        return True


class BodyReader:
    """Reads bodies, and counts the bytes of all unfinished ones."""

    def __init__(self, limits: BodyLimits | None = None) -> None:
        self._limits = limits or BodyLimits()
        self._arriving_bytes = 0

    async def read_unsigned(self, post: Post) -> bytes | None:
        """Return a small body of a post that is refused anyway; None if it is not read.

        It is read only if its length is announced, and if it arrives along with the head. Raises ClientDisconnect.
        """
        if not 0 < post.content_length <= MAX_UNSIGNED_BYTES:
            return None
        body, has_more = bytearray(), True
        try:
            async with asyncio.timeout(self._limits.unsigned_timeout_s):
                while has_more:
                    chunk, has_more = await post.read_chunk()
                    body += chunk
        except TimeoutError:
            return None
        return bytes(body[:MAX_UNSIGNED_BYTES])

    async def read(self, post: Post, max_body_bytes: int, *, encodings: Collection[str] = IDENTITY) -> bytes:
        """Return the body, byte for byte as received.

        encodings   the content encodings that the caller takes

        Raises BadRequest when it is compressed, too large or too slow, ClientDisconnect, and Temporary when too many
        large bodies arrive at once.
        """
        encoding = post.header(b"content-encoding").strip().lower()
        if encoding not in encodings:
            reason = f"content-encoding {encoding[:40]!a} is not accepted"
            raise BadRequest(reason, status=415, next_step="send the body as it is")
        if post.content_length > max_body_bytes:
            raise _too_large(max_body_bytes)
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await self._collect(post, max_body_bytes)
        except TimeoutError as error:
            raise BadRequest(f"the body did not arrive within {self._limits.timeout_s:g} s", status=408) from error

    async def _collect(self, post: Post, max_body_bytes: int) -> bytes:
        body, has_more = bytearray(), True
        try:
            while has_more:
                chunk, has_more = await post.read_chunk()
                body += chunk
                self._arriving_bytes += len(chunk)
                if len(body) > max_body_bytes:
                    raise _too_large(max_body_bytes)
                if len(body) > SMALL_BODY_BYTES and self._arriving_bytes > self._limits.arriving_bytes:
                    raise Temporary("too many large bodies arrive at once")
            return bytes(body)
        finally:
            self._arriving_bytes -= len(body)


def _too_large(max_body_bytes: int) -> BadRequest:
    reason = f"the body is larger than {max_body_bytes} bytes"
    return BadRequest(reason, status=413, next_step="ROUNDSMAN_MAX_BODY_BYTES sets the limit")
