"""What a process would say on standard error: our log and the libraries', as configured, caught in a text."""

import io
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO
from unittest.mock import patch

import structlog

from service.logs import configure_logs


class Talk(io.StringIO):
    """Standard error, as a pipe or as a terminal."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def lines(self) -> list[Any]:
        """Message sent, where each line is JSON."""
        return [json.loads(line) for line in self.getvalue().splitlines()]


@contextmanager
def logged(level: int = logging.INFO, *, is_terminal: bool = False) -> Iterator[Talk]:
    """Configure the logs for this block; afterwards they are as they were."""
    talk = Talk(is_terminal=is_terminal)
    with logged_to(talk, level):
        yield talk


@contextmanager
def logged_to(stream: TextIO, level: int = logging.INFO) -> Iterator[None]:
    """The same, to a stream of one's own."""
    root = logging.getLogger()
    before, handlers = root.level, list(root.handlers)
    root.handlers = []  # configuring would close them
    try:
        with patch("sys.stderr", stream):
            configure_logs(level)
        yield
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(before)
