"""Test results in the form of JSON Lines, read as their bytes arrive. No socket.

API v3 answers so, without pages: an answer may be of any size.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

from service.circleci.json_fields import read_text
from service.circleci.reports import MAX_FAILURES, MAX_PASSES, limit_counts, read_tests
from service.model import TestFailure, TestPass, TestReport

MAX_LINE_BYTES = 1_000_000
MAX_LINES = 200_000
MAX_SECONDS = 20.0
TOO_LONG = b"\0"  # in place of a line


class TestLines:
    """A reader of test results, one a line.

    A line that is no test result is counted and left out. Reading ends at a number of bytes or lines, or after a time;
    then the report is not complete.
    """

    __test__ = False

    def __init__(self, *, max_bytes: int, max_lines: int = MAX_LINES, clock: Callable[[], float] = monotonic) -> None:
        self._bytes_left = max_bytes
        self._lines_left = max_lines
        self._clock = clock
        self._ends_at = clock() + MAX_SECONDS
        self._rest = bytearray()  # the beginning of a line
        self._is_long = False  # the line is too long, and left out
        self._is_complete = True
        self._counts: dict[str, int] = {}
        self._failures: list[TestFailure] = []
        self._passes: list[TestPass] = []
        self.lines = 0
        self.unreadable = 0

    def feed(self, chunk: bytes) -> bool:
        """Read the next bytes of the answer; return whether more are wanted."""
        taken = chunk[: self._bytes_left]
        self._bytes_left -= len(taken)
        self._read(list(self._split(taken)))
        if len(taken) < len(chunk) or self._lines_left <= 0 or self._clock() > self._ends_at:
            self._is_complete = False
            self._end_line()
            return False
        return True

    def report(self) -> TestReport | None:
        """Return the results at the end of the answer; None if there are none."""
        if self._rest or self._is_long:
            self._read([self._end_line()])
        if not self._counts:
            return None
        return TestReport(
            failures=tuple(self._failures),
            counts=self._counts,
            is_complete=self._is_complete,
            passes=tuple(self._passes),
        )

    @property
    def remark(self) -> str | None:
        """The remark on lines that could not be read; None: all could."""
        if not self.unreadable:
            return None
        return f"{self.unreadable:,} of {self.lines:,} test results could not be read"

    def _split(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the lines that end in a chunk."""
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            self._append(end)
            yield self._end_line()
        self._append(rest)

    def _append(self, part: bytes) -> None:
        self._is_long |= len(self._rest) + len(part) > MAX_LINE_BYTES
        if self._is_long:
            self._rest.clear()
        else:
            self._rest += part

    def _end_line(self) -> bytes:
        """Return the line, and begin another."""
        line = TOO_LONG if self._is_long else bytes(self._rest)
        self._rest.clear()
        self._is_long = False
        return line

    def _read(self, lines: list[bytes]) -> None:
        written = [line for line in lines if line.strip()][: self._lines_left]
        if not written:
            return
        self._lines_left -= len(written)
        self.lines += len(written)
        items = [item for item in map(_parse, written) if item is not None]
        self.unreadable += len(written) - len(items)
        page = read_tests(items)
        self._counts = limit_counts(Counter(self._counts) + Counter(page.counts))
        self._failures += page.failures[: MAX_FAILURES - len(self._failures)]
        self._passes += page.passes[: MAX_PASSES - len(self._passes)]


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the test result in a line; None if it is none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not (read_text(value.get("name")) or read_text(value.get("result"))):
        return None
    return value
