"""Signal handlers of a service, from the start of its process.

SIGHUP makes it read its settings again, and never ends it.
"""

import asyncio
import atexit
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial


class Hangups:
    """A receiver of SIGHUP, also before the event loop starts and after it ends."""

    def __init__(self) -> None:
        self._is_set = False
        self._notify: Callable[[], object] | None = None

    def record(self, *_: object) -> None:
        """Record the signal; this is the signal handler."""
        self._is_set = True
        if self._notify is not None:
            self._notify()

    @contextmanager
    def as_event(self) -> Iterator[asyncio.Event]:
        """Yield an event that each SIGHUP sets.

        It is set from the start if a SIGHUP has arrived since the process began.
        """
        asked, loop = asyncio.Event(), asyncio.get_running_loop()
        self._notify = partial(loop.call_soon_threadsafe, asked.set)
        if self._is_set:
            asked.set()
        try:
            yield asked
        finally:
            self._notify = None


HANGUPS = Hangups()


def install_signal_handlers() -> None:
    """Record SIGHUP; let SIGTERM and Ctrl-C exit with code 0 while the process starts."""
    signal.signal(signal.SIGHUP, HANGUPS.record)
    atexit.register(signal.signal, signal.SIGHUP, signal.SIG_IGN)  # Python removes our handlers when it exits
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def _end(*_: object) -> None:
    sys.exit(0)
