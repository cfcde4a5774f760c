"""Standard streams and arguments in any encoding, without encoding errors."""

import codecs
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from service.errors import BadRequest, RoundsmanError


def prepare_streams() -> None:
    """Open closed streams on the null device; print missing characters as escapes."""
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _open_closed() -> None:
    # the lowest free descriptor goes to the next file that is opened: with standard output closed, to the database
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until Python ends
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the same


def read_arguments(arguments: Iterable[str]) -> list[str]:
    """Return the arguments as text.

    Raises BadRequest for an argument that is not UTF-8, unless the locale has another encoding.
    """
    return [_as_text(argument) for argument in arguments]


def _as_text(argument: str) -> str:
    try:
        argument.encode()
    except UnicodeEncodeError:  # Python keeps bytes that the locale cannot read as lone surrogates
        try:
            return os.fsencode(argument).decode("utf-8")
        except UnicodeDecodeError:
            raise BadRequest(f"the argument {argument!a} is not UTF-8 text; write it in UTF-8") from None
    return argument


def is_utf8() -> bool:
    """Return True if standard output can show every character."""
    return codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"


def as_shown(text: str) -> str:
    """Return the text as standard output will show it, to measure its width."""
    encoding = sys.stdout.encoding or "ascii"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@contextmanager
def writing() -> Iterator[None]:
    """Raise RoundsmanError for a write error, such as a full disk.

    BrokenPipeError is raised unchanged: a reader that has closed the pipe is no fault.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python fails once more when it ends
        raise RoundsmanError(f"standard output cannot be written: {error.strerror}") from error
