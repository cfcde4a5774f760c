"""Signals of a service, from the start of its process: SIGHUP asks it to read its settings again, and never ends it."""

import asyncio
import atexit
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial


class Hangups:
    """SIGHUP, heeded also while there is no event loop yet, or no longer one."""

    def __init__(self) -> None:
        self._is_due = False
        self._tell: Callable[[], object] | None = None

    def note(self, *_: object) -> None:
        """Remember that it came; as a signal's handler."""
        self._is_due = True
        if self._tell is not None:
            self._tell()

    @contextmanager
    def noticed(self) -> Iterator[asyncio.Event]:
        """Yield an event that each SIGHUP sets; it is set already if one has come since the process began."""
        asked, loop = asyncio.Event(), asyncio.get_running_loop()
        self._tell = partial(loop.call_soon_threadsafe, asked.set)
        if self._is_due:
            asked.set()
        try:
            yield asked
        finally:
            self._tell = None


HANGUPS = Hangups()


def install_signal_handlers() -> None:
    """Have SIGHUP noted, and SIGTERM and Ctrl-C end the process in good order while it starts."""
    signal.signal(signal.SIGHUP, HANGUPS.note)
    atexit.register(signal.signal, signal.SIGHUP, signal.SIG_IGN)  # Python's own end takes handlers of ours away
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(*_: object) -> None:
    sys.exit(0)
