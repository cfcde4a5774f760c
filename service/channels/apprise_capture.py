"""See what happens on the wire while Apprise sends.

Apprise says only whether it worked. The rest can be seen from two places, both in the sending thread: the responses
that ``requests`` gets, and the exceptions that are being handled while a plugin writes to Apprise's log. A third, where
sockets are read, holds what is read to the budget of the send.
"""

import logging
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from json import JSONDecodeError
from smtplib import SMTPException
from typing import Any

import requests

from service.channels.budget import Budget
from service.errors import Temporary

MAX_QUIT_S = 30.0
IGNORED_ERRORS = (Temporary, JSONDecodeError)
REACHED = re.compile(r"^(?:Sent|Send|Queued|Rang) |\bsent (?:successfully|to)\b")


@dataclass(kw_only=True)
class SendTrace:
    """What was seen during one send, in order.

    errors     what the network, TLS and mail libraries raised; plugins swallow these
    surprises  other exceptions that were being handled: what no plugin expects
    reached    for each recipient that took the message, by Apprise's word: the answer before that word, if any
    flaws      why an answer of 2xx could not be read to its end: "is longer than 250 kB"
    """

    budget: Budget = field(default_factory=Budget)

    responses: list[requests.Response] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    unexpected_errors: list[Exception] = field(default_factory=list)
    reached: list[requests.Response | None] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)

    def record_error(self, error: BaseException | None) -> None:
        """Remember the error once.

        Ours, by which a send is ended, tells nothing new; nor does an answer that is no JSON: its words tell more.
        """
        if isinstance(error, OSError | SMTPException) and error not in self.errors:
            self.errors.append(error)
        elif (
            isinstance(error, Exception)
            and not isinstance(error, IGNORED_ERRORS)
            and error not in self.unexpected_errors
        ):
            self.unexpected_errors.append(error)

    def record_reached(self) -> None:
        """Remember that a recipient took the message, and after which answer."""
        self.reached.append(self.responses[-1] if self.responses else None)


_current_trace: ContextVar[SendTrace | None] = ContextVar("present", default=None)


def current_trace() -> SendTrace:
    """Return what was seen so far of the send that this thread is in; outside of any, what nobody will look at."""
    return _current_trace.get() or SendTrace()


@contextmanager
def capture(budget: Budget) -> Iterator[SendTrace]:
    """Watch what the body of the with statement sends, in this thread and no other, and hold it to the budget."""
    trace = SendTrace(budget=budget)
    token = _current_trace.set(trace)
    try:
        yield trace
    finally:
        _current_trace.reset(token)


def install_hooks() -> None:
    """Take up all places, for the whole process; once.

    Apprise's log goes nowhere else from here on: at the level we need, it shows addresses with their tokens, and so
    does urllib3's.
    """
    requests.Session.send = _recording(requests.Session.send)  # type: ignore[method-assign] # reason: there is no other door
    socket.SocketIO.readinto = _budgeted(socket.SocketIO.readinto)  # type: ignore[method-assign, assignment] # reason: the same
    log = logging.getLogger("apprise")
    log.setLevel(logging.DEBUG)  # what a mail server answered is logged at this level only
    log.propagate = False
    log.addHandler(_LogListener())
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def no_throttle(last_io: object = None, wait: float | None = None) -> None:
    """Stand in for a plugin's throttle, which it calls before each request: end a send that would have to wait.

    Waiting is what our jobs do. A plugin that sleeps here and tries again on its own could deliver after we gave up.
    """
    trace = current_trace()
    if wait or any(response.status_code == HTTPStatus.TOO_MANY_REQUESTS for response in trace.responses):
        raise Temporary("asked to wait")  # Apprise makes a failed send of it; the answer is in what was seen


def _recording(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @wraps(send)
    def recording(*args: object, **kwargs: Any) -> requests.Response:
        response = send(*args, **kwargs | {"allow_redirects": False})  # a redirect would take the message elsewhere
        current_trace().responses.append(response)
        return response

    return recording


def _budgeted(readinto: Callable[[socket.SocketIO, Any], int | None]) -> Callable[[socket.SocketIO, Any], int | None]:
    @wraps(readinto)
    def budgeted(stream: socket.SocketIO, buffer: Any) -> int | None:
        trace = _current_trace.get()
        if trace is None:
            return readinto(stream, buffer)
        with trace.budget.limit_read(stream._sock):  # type: ignore[attr-defined] # reason: no public name, and all reads
            count = readinto(stream, buffer)
        trace.budget.count_bytes(count or 0)
        return count

    return budgeted


class _LogListener(logging.Handler):
    """Hears what plugins say of a send."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = current_trace()
        trace.record_error(sys.exc_info()[1])
        # Plugins say it in one of these ways, once for each recipient that was reached; the mail plugin tells of a
        # refused copy only when the message went out to others.
        if record.levelno == logging.INFO and REACHED.search(str(record.msg)):
            trace.record_reached()
            trace.budget.limit_waits(MAX_QUIT_S)  # a mail server may take minutes to say goodbye
        if str(record.msg).startswith("SMTP recipient %s was refused"):
            trace.record_reached()
