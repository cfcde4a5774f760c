"""Capture the responses and errors of a send by Apprise.

Apprise returns only whether a send worked. Two hooks in the sending thread record the rest: the responses that
``requests`` gets, and the exceptions that are being handled while a plugin writes to Apprise's log. A third hook, at
reads from sockets, enforces the budget of the send.
"""

import logging
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, wraps
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
    """The responses and errors of one send, in order.

    errors             exceptions of the network, TLS and mail libraries, which plugins swallow
    unexpected_errors  other exceptions that were being handled, which no plugin expects
    reached            for each recipient that accepted the message, by Apprise's log: the response before, if any
    flaws              reasons why an answer of 2xx could not be read to its end: "is longer than 250 kB"
    """

    budget: Budget = field(default_factory=Budget)

    responses: list[requests.Response] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    unexpected_errors: list[Exception] = field(default_factory=list)
    reached: list[requests.Response | None] = field(default_factory=list)
    flaws: list[str] = field(default_factory=list)

    def record_error(self, error: BaseException | None) -> None:
        """Record the error, each error once.

        Our own Temporary, which ends a send, is ignored; so is the error of an answer that is not JSON, because the
        answer's text says more.
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
        """Record that a recipient accepted the message, and the response before."""
        self.reached.append(self.responses[-1] if self.responses else None)


_current_trace: ContextVar[SendTrace | None] = ContextVar("current_trace", default=None)


def current_trace() -> SendTrace:
    """Return the trace of this thread's send; outside of a send one that is discarded."""
    return _current_trace.get() or SendTrace()


@contextmanager
def capture(budget: Budget) -> Iterator[SendTrace]:
    """Capture the send in the with statement, in this thread, within the budget."""
    trace = SendTrace(budget=budget)
    token = _current_trace.set(trace)
    try:
        yield trace
    finally:
        _current_trace.reset(token)


@cache
def install_hooks() -> None:
    """Install the three hooks for the whole process, once.

    From here on Apprise's log is written to no other handler: at the level that we need, it contains URLs with their
    tokens, as urllib3's log does.
    """
    requests.Session.send = _recording(requests.Session.send)  # type: ignore[method-assign] # reason: there is no other door
    socket.SocketIO.readinto = _budgeted(socket.SocketIO.readinto)  # type: ignore[method-assign, assignment] # reason: the same
    log = logging.getLogger("apprise")
    log.setLevel(logging.DEBUG)  # only this level has the answers of mail servers
    log.propagate = False
    log.addHandler(_LogListener())
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def no_throttle(last_io: object = None, wait: float | None = None) -> None:
    """Replace a plugin's throttle, which it calls before each request.

    Raises Temporary where the plugin would sleep: queue jobs do the waiting. A plugin that sleeps and tries again by
    itself could send the message after we gave up.
    """
    trace = current_trace()
    if wait or any(response.status_code == HTTPStatus.TOO_MANY_REQUESTS for response in trace.responses):
        raise Temporary("asked to wait")  # Apprise reports a failed send; the trace has the answer


def _recording(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @wraps(send)
    def recording(*args: object, **kwargs: Any) -> requests.Response:
        response = send(
            *args, **kwargs | {"allow_redirects": False}
        )  # a redirect would send the message to another address
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
    """The handler of Apprise's log, which records errors and reached recipients."""

    def emit(self, record: logging.LogRecord) -> None:
        trace = current_trace()
        trace.record_error(sys.exc_info()[1])
        # Plugins log one of these sentences for each recipient that was reached. The mail plugin logs a refused copy
        # only if the message went out to others.
        if record.levelno == logging.INFO and REACHED.search(str(record.msg)):
            trace.record_reached()
            trace.budget.limit_waits(MAX_QUIT_S)  # a mail server may take minutes to say goodbye
        if str(record.msg).startswith("SMTP recipient %s was refused"):
            trace.record_reached()
