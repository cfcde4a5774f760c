"""A connection's transport that closes so that the other side gets to read the last answer."""

import asyncio
from typing import Any

from service.web.server.limits import Limits


class LingeringTransport(asyncio.Transport):
    """Wraps a transport: what was written last is delivered though the other side still sends.

    A socket that is closed with unread bytes in it resets the connection, and the answer may be lost with it. So we say
    that we write no more, go on reading for a moment, drop what comes, and close then (RFC 9112, 9.6).
    """

    def __init__(self, transport: asyncio.Transport, limits: Limits) -> None:
        super().__init__()
        self._transport = transport
        self._linger_s = limits.linger_s
        self._bytes_left = limits.max_linger_bytes
        self._written = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_closing = False
        self.is_mid_request = False  # whether more of a request is to come

    @property
    def sent_bytes(self) -> int:
        """How many of the bytes written have left for the other side."""
        return self._written - self._transport.get_write_buffer_size()

    @property
    def is_writing(self) -> bool:
        """Something has yet to leave for the other side."""
        return self._transport.get_write_buffer_size() > 0

    def write(self, data: Any) -> None:
        """Write, unless we have said that we would not."""
        if not self._is_closing:
            self._written += len(data)
            self._transport.write(data)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the transport knows of itself."""
        return self._transport.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """No more is written, though it may still be read."""
        return self._is_closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Stop reading, unless we only read to let an answer through."""
        if not self._is_closing:
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._transport.resume_reading()

    def close(self) -> None:
        """Close, at once when nothing more of a request is to come."""
        if self._is_closing:
            return
        self._is_closing = True
        if not self.is_mid_request or self._transport.is_closing():
            self._transport.close()
            return
        self._transport.write_eof()
        self._transport.resume_reading()
        self._timer = asyncio.get_running_loop().call_later(self._linger_s, self._transport.close)

    def drop(self, size: int) -> None:
        """Count what is read for nothing; it ends."""
        self._bytes_left -= size
        if self._bytes_left < 0:
            self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever is lost."""
        self._is_closing = True
        self._transport.abort()

    def end(self) -> None:
        """Forget the timer: the connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
