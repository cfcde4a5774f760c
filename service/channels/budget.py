"""Budget of a send: the bytes and the seconds that the other side's answers may take.

What plugins read through Python's libraries for HTTP, SMTP and IRC passes ``socket.SocketIO`` in the sending thread,
heads, bodies and replies alike; there each read asks the budget first. Libraries that read sockets on their own, such
as paho-mqtt, are none of ours, and their plugins are off unless somebody installs them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from socket import socket

MAX_SEND_S = 300.0
MAX_SEND_BYTES = 2_000_000  # a channel may have several recipients, each of which is answered
MAX_MAIL_BYTES = 100_000  # of replies, which have some hundred bytes each
MAX_ANSWER_S = 80.0  # a late yes is worth hearing, as long as it comes before another try would be made


class BudgetExceeded(OSError):  # mail's library takes no other error for the end of a connection
    """The other side sends more than its budget."""


@dataclass(kw_only=True)
class Allowance:
    """A part of a budget; ``ends_at`` is by the monotonic clock."""

    bytes_left: int
    ends_at: float


class Budget:
    """Limits for all that is read during one send, and for parts of it.

    seconds    for the whole send
    answer_s   for each HTTP request and its answer
    is_mail    replies are short, and waited for as long as the budget lasts, whatever timeout the socket was given
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
        """Since when the send has been under way."""
        return time.monotonic() - self._began_at

    @property
    def is_used_up(self) -> bool:
        """Whether nothing more is read, in the part that ends first."""
        return self._left_s() <= 0 or self._bytes_left() <= 0

    @contextmanager
    def limit(self, *, max_bytes: int, seconds: float = MAX_SEND_S) -> Iterator[None]:
        """Limit what is read meanwhile more closely."""
        self._allowances.append(Allowance(bytes_left=max_bytes, ends_at=time.monotonic() + seconds))
        try:
            yield
        finally:
            self._allowances.pop()

    def limit_waits(self, seconds: float) -> None:
        """Wait no longer than this for any further read: what matters has been said."""
        self._max_wait_s = min(self._max_wait_s, seconds)

    @contextmanager
    def limit_read(self, connection: socket) -> Iterator[None]:
        """Give a read its timeout, for this once. Raises TimeoutError or Overdrawn when the budget is used up."""
        left_s = min(self._left_s(), self._max_wait_s)
        if left_s <= 0:
            raise TimeoutError("the answer takes longer than we listen")
        if self._bytes_left() <= 0:
            self.is_exceeded = True
            raise BudgetExceeded("the answer is longer than we read")
        before = connection.gettimeout()
        if before == 0:  # does not block: its user waits in other ways
            yield
            return
        connection.settimeout(left_s if before is None or self._ignores_socket_timeout else min(before, left_s))
        try:
            yield
        finally:
            connection.settimeout(before)

    def count_bytes(self, count: int) -> None:
        """Count the bytes of a read; the next one is refused when these were too many."""
        for each in self._allowances:
            each.bytes_left -= count

    def _left_s(self) -> float:
        return min(each.ends_at for each in self._allowances) - time.monotonic()

    def _bytes_left(self) -> int:
        return min(each.bytes_left for each in self._allowances)
