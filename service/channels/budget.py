"""The budget of a send: the bytes and the seconds that answers may take.

Plugins read through Python's libraries for HTTP, SMTP and IRC, all of which read heads, bodies and replies by
``socket.SocketIO`` in the sending thread; there each read asks the budget first. Libraries that read sockets in another
way, such as paho-mqtt, are not installed by us, and their plugins are off without them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

MAX_SEND_S = 300.0
MAX_SEND_BYTES = 2_000_000  # a channel may have several recipients, each of which is answered
MAX_MAIL_BYTES = 100_000  # of replies, which have some hundred bytes each
MAX_ANSWER_S = 80.0  # a late success counts as long as it comes before the next attempt


class BudgetExceeded(OSError):  # mail's library takes no other error for the end of a connection
    """The other side sent more bytes than the budget allows."""


@dataclass(kw_only=True)
class Allowance:
    """A part of a budget; ``ends_at`` is by the monotonic clock."""

    bytes_left: int
    ends_at: float


class Budget:
    """Limits for all reads of one send, and for parts of it.

    seconds    for the whole send
    answer_s   for each HTTP request and its answer
    is_mail    replies are short, and the whole budget is spent on waiting for them: the socket's timeout is ignored
    """

    def __init__(self, *, seconds: float = MAX_SEND_S, answer_s: float = MAX_ANSWER_S, is_mail: bool = False) -> None:
        self.answer_s = answer_s
        self._began_at = time.monotonic()
        self._allowances = [
            Allowance(bytes_left=MAX_MAIL_BYTES if is_mail else MAX_SEND_BYTES, ends_at=self._began_at + seconds)
        ]
        self._max_wait_s = seconds
        self._ignores_socket_timeout = is_mail
        self.is_exceeded = False

    @property
    def age_s(self) -> float:
        """Seconds since the send began."""
        return time.monotonic() - self._began_at

    @property
    def is_used_up(self) -> bool:
        """True if no bytes or seconds are left, in any of the limits."""
        return self._left_s() <= 0 or self._bytes_left() <= 0

    @contextmanager
    def limit(self, *, max_bytes: int, seconds: float = MAX_SEND_S) -> Iterator[None]:
        """Set a smaller limit for the reads in the with statement."""
        self._allowances.append(Allowance(bytes_left=max_bytes, ends_at=time.monotonic() + seconds))
        try:
            yield
        finally:
            self._allowances.pop()

    def limit_waits(self, seconds: float) -> None:
        """Wait at most so long for each further read: the important answer has come."""
        self._max_wait_s = min(self._max_wait_s, seconds)

    @contextmanager
    def limit_read(self, connection: socket) -> Iterator[None]:
        """Set the socket's timeout for one read.

        Raises TimeoutError or BudgetExceeded if the budget is used up.
        """
        left_s = min(self._left_s(), self._max_wait_s)
        if left_s <= 0:
            raise TimeoutError("the answer takes longer than we listen")
        if self._bytes_left() <= 0:
            self.is_exceeded = True
            raise BudgetExceeded("the answer is longer than we read")
        before = connection.gettimeout()
        if before == 0:  # a socket that does not block: its user waits by other means
            yield
            return
        connection.settimeout(left_s if before is None or self._ignores_socket_timeout else min(before, left_s))
        try:
            yield
        finally:
            connection.settimeout(before)

    def count_bytes(self, count: int) -> None:
        """Count the bytes of a read; if they are too many, the next read is refused."""
        for each in self._allowances:
            each.bytes_left -= count

    def _left_s(self) -> float:
        return min(each.ends_at for each in self._allowances) - time.monotonic()

    def _bytes_left(self) -> int:
        return min(each.bytes_left for each in self._allowances)
