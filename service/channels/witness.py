"""See what happens on the wire while Apprise sends.

Apprise says only whether it worked. The rest can be seen from two places, both in the sending thread: the responses
that ``requests`` gets, and the exceptions that are being handled while a plugin writes to Apprise's log.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from smtplib import SMTPException

import requests

from service.errors import Temporary


@dataclass(kw_only=True)
class Seen:
    """What was seen during one send, in order.

    errors     what the network, TLS and mail libraries raised; plugins swallow these
    accepted   somebody at the other end took the message: at least one of several recipients
    """

    responses: list[requests.Response] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    accepted: bool = False

    def note(self, error: BaseException | None) -> None:
        """Remember the error once, if it is of a kind that tells something."""
        if isinstance(error, OSError | SMTPException) and error not in self.errors:
            self.errors.append(error)


_present: ContextVar[Seen | None] = ContextVar("present", default=None)


@contextmanager
def watching() -> Iterator[Seen]:
    """Watch what the body of the with statement sends, in this thread and no other."""
    seen = Seen()
    token = _present.set(seen)
    try:
        yield seen
    finally:
        _present.reset(token)


def post_watch() -> None:
    """Take up both places, for the whole process; once.

    Apprise's log goes nowhere else from here on: at the level we need, it shows addresses with their tokens, and so
    does urllib3's.
    """
    requests.Session.send = _observed(requests.Session.send)  # type: ignore[method-assign] # there is no other door
    log = logging.getLogger("apprise")
    log.setLevel(logging.DEBUG)  # what a mail server answered is logged at this level only
    log.propagate = False
    log.addHandler(_Listener())
    logging.getLogger("urllib3").setLevel(logging.WARNING)


def never_wait(last_io: object = None, wait: float | None = None) -> None:
    """Stand in for a plugin's throttle, which it calls before each request: end a send that would have to wait.

    Waiting is what our jobs do. A plugin that sleeps here and tries again on its own could deliver after we gave up.
    """
    seen = _present.get() or Seen()
    if wait or any(response.status_code == HTTPStatus.TOO_MANY_REQUESTS for response in seen.responses):
        raise Temporary("asked to wait")  # Apprise makes a failed send of it; the answer is in what was seen


def _observed(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    @wraps(send)
    def observed(*args: object, **kwargs: object) -> requests.Response:
        response = send(*args, **kwargs)
        (_present.get() or Seen()).responses.append(response)
        return response

    return observed


class _Listener(logging.Handler):
    """Hears what plugins say of a send."""

    def emit(self, record: logging.LogRecord) -> None:
        seen = _present.get() or Seen()
        seen.note(sys.exc_info()[1])
        # All plugins say it so, once for each recipient that was reached; the mail plugin tells of a refused copy
        # only when the message went out to others.
        if record.levelno == logging.INFO and str(record.msg).startswith("Sent "):
            seen.accepted = True
        if str(record.msg).startswith("SMTP recipient %s was refused"):
            seen.accepted = True
