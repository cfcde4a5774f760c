"""A non-blocking stream for the log.

A thread writes the lines; lines that do not fit in its queue are dropped and counted.
"""

import os
import select
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

import structlog

MAX_WAITING_BYTES = 1_048_576
GATHERED_BYTES = MAX_WAITING_BYTES // 16
GATHER_S = 0.02
FLUSH_S = 2.0

log = structlog.get_logger()


class DirectStream:
    """A stream that ignores failed writes.

    A full disk or a closed reader must not end the process's work.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write the text; do nothing where that fails."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Flush the stream; do nothing where that fails."""
        with suppress(OSError):
            self._stream.flush()


class QueuedStream:
    """A queue of lines for a descriptor whose reader may be slow, stuck or gone.

    Each line waits in memory for a thread to write it. A line that would make more than ``MAX_WAITING_BYTES`` wait is
    dropped, and so are lines that a full disk refuses; the number of dropped lines is logged after the next successful
    write. The descriptor stays blocking, since other processes may share it.

    The thread writes what has arrived ``gather_s`` after the first line, sooner with ``GATHERED_BYTES``, in one piece:
    a write for each line would take the processor from the thread that logs, line by line.
    """

    def __init__(self, descriptor: int, *, encoding: str = "utf-8", gather_s: float = GATHER_S) -> None:
        self._descriptor = os.dup(descriptor)  # a copy of our own: the caller may close the original
        self._encoding = encoding
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0  # includes the bytes that the thread is writing
        self._dropped = 0
        self._gather_s = gather_s
        self._changed = threading.Condition()
        self._is_urgent = threading.Event()
        threading.Thread(target=self._write_lines, name="log", daemon=True).start()

    def write(self, text: str) -> None:
        """Queue a line for the thread; return at once."""
        line = text.encode(self._encoding, errors="backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(line) > MAX_WAITING_BYTES:
                self._dropped += 1
                return
            if not self._lines:
                self._changed.notify_all()
            self._lines.append(line)
            self._waiting_bytes += len(line)
            if self._waiting_bytes >= GATHERED_BYTES:
                self._is_urgent.set()

    def flush(self) -> None:
        """Do nothing: the thread writes all queued lines."""

    def drain(self, within_s: float = FLUSH_S) -> None:
        """Wait until every line is written, for ``within_s`` seconds at most."""
        with self._changed:
            self._is_urgent.set()
            self._changed.wait_for(lambda: not self._waiting_bytes, within_s)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
            self._is_urgent.wait(self._gather_s)
            with self._changed:
                batch, count = b"".join(self._lines), len(self._lines)
                self._lines.clear()
                self._is_urgent.clear()
            is_written = self._write_all(batch)
            if dropped := self._settle(len(batch), 0 if is_written else count, is_written=is_written):
                log.warning("log lines dropped", count=dropped)

    def _settle(self, size: int, lost: int, *, is_written: bool) -> int:
        """Subtract a batch from the queue, and return the dropped lines to report now.

        After a failed write that is 0: the count is kept for the next successful one.
        """
        with self._changed:
            self._waiting_bytes -= size
            self._dropped += lost
            told = self._dropped if is_written else 0
            self._dropped -= told
            self._changed.notify_all()
        return told

    def _write_all(self, batch: bytes) -> bool:
        rest = memoryview(batch)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another holder of the same pipe made it non-blocking
                poll = select.poll()
                poll.register(self._descriptor, select.POLLOUT)
                poll.poll()
            except OSError:
                return False
        return True


def log_stream(stream: TextIO | None) -> DirectStream | QueuedStream:
    """Return the log stream for a stream.

    Lines for a closed stream are discarded; a stream without a descriptor is written to directly.
    """
    if stream is None:  # Python's standard error where the descriptor was closed at the start
        return QueuedStream(os.open(os.devnull, os.O_WRONLY))
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return DirectStream(stream)
    return QueuedStream(descriptor, encoding=stream.encoding or "utf-8")
