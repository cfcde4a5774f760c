"""Words for a connection that failed, the same for whatever is at its other end.

Libraries wrap what the operating system said, some of them several times, so causes and contexts are looked at too.
"""

import socket
import ssl
from collections.abc import Iterator

UNTRUSTED = "cannot be trusted: its TLS certificate or version is not accepted"
UNANSWERED = "did not answer in time"
UNRESOLVED = "cannot be found: its name does not resolve"
REFUSED = "refused the connection"
UNREACHABLE = "could not be reached or hung up"

# Most telling first: the others are OSErrors too.
_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLError, UNTRUSTED),
    (TimeoutError, UNANSWERED),
    (socket.gaierror, UNRESOLVED),
    (ConnectionRefusedError, REFUSED),
)
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)  # says nothing of certificates
_MAX_CAUSES = 20


def describe(error: BaseException) -> str:
    """Return the end of a sentence that begins with the other end's name."""
    causes = [cause for cause in _causes(error) if not isinstance(cause, _HUNG_UP)]
    found = (words for kind, words in _WORDS for cause in causes if isinstance(cause, kind))
    return next(found, UNREACHABLE)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that it was raised from, wide before deep; a limited number, for they may form a ring."""
    waiting = [error]
    for _ in range(_MAX_CAUSES):
        if not waiting:
            return
        cause = waiting.pop(0)
        yield cause
        grouped = cause.exceptions if isinstance(cause, BaseExceptionGroup) else ()
        before = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        told = [argument for argument in cause.args if isinstance(argument, BaseException)]  # so does httpcore
        waiting += [*grouped, *([before] if before else []), *told]
