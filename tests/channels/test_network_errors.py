"""One set of words for connections that fail, whichever library says so."""

import socket
import ssl

import pytest

from service.network_errors import REFUSED, UNANSWERED, UNREACHABLE, UNRESOLVED, UNTRUSTED, describe


def raised(error: BaseException, *, cause: BaseException) -> BaseException:
    """The error as it is caught: with what it was raised from."""
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ssl.SSLCertVerificationError("self-signed"), UNTRUSTED),
        (ssl.SSLError("WRONG_VERSION_NUMBER"), UNTRUSTED),
        (TimeoutError(), UNANSWERED),
        (socket.gaierror(-2, "Name or service not known"), UNRESOLVED),
        (ConnectionRefusedError(111, "refused"), REFUSED),
        (ConnectionResetError(104, "reset"), UNREACHABLE),
        (ssl.SSLEOFError("EOF occurred in violation of protocol"), UNREACHABLE),
        (OSError(101, "Network is unreachable"), UNREACHABLE),
        (ValueError("not of the network at all"), UNREACHABLE),
    ],
)
def test_network_error_is_described_by_itself_and_its_causes(error: BaseException, words: str) -> None:
    wrapped = raised(ValueError("a library's"), cause=raised(OSError("another's"), cause=error))
    among_others = ExceptionGroup("every address", [OSError("unreachable"), RuntimeError()])
    both = raised(OSError("all attempts failed"), cause=BaseExceptionGroup("", [among_others, error]))

    assert {describe(error), describe(wrapped), describe(both)} == {words}


def test_errors_that_are_each_others_cause_are_looked_at_once_in_a_while_and_no_more() -> None:
    first, second = OSError("one"), OSError("other")
    first.__cause__, second.__cause__ = second, first

    assert describe(first) == UNREACHABLE
