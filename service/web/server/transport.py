"""A transport that closes so that the client can still read the last response."""

import asyncio
from typing import Any

from service.web.server.limits import Limits


class LingeringTransport(asyncio.Transport):
    """A transport with a lingering close: the response arrives before the end.

    A socket that is closed with unread bytes in it resets the connection, and the response may be lost with it. So we
    close the writing side, go on reading for a moment, discard the bytes read, and then close (RFC 9112, 9.6).
    """

    def __init__(self, transport: asyncio.Transport, limits: Limits) -> None:
        super().__init__()
        self._transport = transport
        self._linger_s = limits.linger_s
        self._bytes_left = limits.max_linger_bytes
        self._written = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self.is_mid_request = False  # more bytes of a request are expected

    @property
    def sent_bytes(self) -> int:
        """The number of bytes that were written and have left the buffer."""
        return self._written - self._transport.get_write_buffer_size()

    @property
    def is_writing(self) -> bool:
        """True while bytes wait in the write buffer."""
        return self._transport.get_write_buffer_size() > 0

    def write(self, data: Any) -> None:
        """Write data; after close() it is dropped."""
        if not self._is_closing:
            self._written += len(data)
            self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return extra information of the wrapped transport, such as ``peername``."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Return whether close() was called; reading may still go on."""
        return self._is_closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Stop reading, except after close(): then bytes are read to be discarded."""
        if not self._is_closing:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Continue reading."""
        self._transport.resume_reading()

    def close(self) -> None:
        """Close; linger first while more bytes of a request are expected."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self.is_mid_request or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(self._linger_s, self._transport.close)

    def discard(self, size: int) -> None:
        """Count discarded bytes; close when they exceed ``max_linger_bytes``."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; unsent bytes are lost."""
        self._is_closing = True
        self._transport.abort()

    def cancel_timer(self) -> None:
        """Cancel the timer of a closed connection."""
        if self._timer is not None:
            self._timer.cancel()
