"""Descriptions of a failed connection, the same for every kind of server.

Libraries wrap the operating system's error, some of them several times, so causes and contexts are searched too.
"""

import socket
import ssl
from collections.abc import Iterator

UNTRUSTED = "cannot be trusted: its TLS certificate or version is not accepted"
UNANSWERED = "did not answer in time"
UNRESOLVED = "cannot be found: its name does not resolve"
REFUSED = "refused the connection"
UNREACHABLE = "could not be reached or hung up"

# The most specific first: several of the errors of one chain may match.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLError, UNTRUSTED),
    (TimeoutError, UNANSWERED),
    (socket.gaierror, UNRESOLVED),
    (ConnectionRefusedError, REFUSED),
)
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # SSLErrors that mean a closed connection, not a wrong certificate
_MAX_CAUSES = 20


def describe(error: BaseException) -> str:
    """Return the predicate of a sentence whose subject is the server's name."""
    causes = [cause for cause in _causes(error) if not isinstance(cause, _HUNG_UP)]
    found = (words for kind, words in _WORDS for cause in causes if isinstance(cause, kind))
    return next(found, UNREACHABLE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those it was raised from, breadth first.

    At most ``_MAX_CAUSES``, since causes may form a cycle.
    """
    waiting = [error]
    for _ in range(_MAX_CAUSES):
        if not waiting:
            return
        cause = waiting.pop(0)
        yield cause
        grouped = cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
        before = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        told = [
            argument for argument in cause.args if isinstance(argument, BaseException)
        ]  # httpcore passes the cause as an argument
        waiting += [*grouped, *([before] if before else []), *told]
