"""A stream for the log that holds up no work: a thread writes, and lines that it cannot take in time are counted."""

import os
import select
import threading
from collections import deque
from contextlib import suppress
from typing import TextIO

import structlog

MAX_WAITING_BYTES = 1_048_576
FLUSH_S = 2.0

log = structlog.get_logger()


class DirectStream:
    """A stream that loses what cannot be written: a full disk, or a reader that is gone, is no reason to end work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write the text if that can be done."""
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        """Let go of what has been written, if that can be done."""
        with suppress(OSError):
            self._stream.flush()


class QueuedStream:
    """Lines for a descriptor whose reader may be slow, stuck or gone: each waits in memory for a thread to write it.

    What comes while ``MAX_WAITING_BYTES`` wait already is dropped; so is what meets a full disk. The log says how many
    lines that were once something can be written again. The descriptor, which others may share, stays blocking.
    """

    def __init__(self, descriptor: int, *, encoding: str = "utf-8") -> None:
        self._descriptor = os.dup(descriptor)  # ours, whatever becomes of the one that was given
        self._encoding = encoding
        self._lines: deque[bytes] = deque()
        self._waiting_bytes = 0  # those that the thread is writing included
        self._dropped = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._write_lines, name="log", daemon=True).start()

    def write(self, text: str) -> None:
        """Have a line written soon; returns at once."""
        line = text.encode(self._encoding, errors="backslashreplace")
        with self._changed:
            if self._waiting_bytes + len(line) > MAX_WAITING_BYTES:
                self._dropped += 1
                return
            self._lines.append(line)
            self._waiting_bytes += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Do nothing: the thread writes what there is."""

    def drain(self, within_s: float = FLUSH_S) -> None:
        """Wait until every line is written, but no longer than this."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting_bytes, within_s)

    def _write_lines(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._lines)
                batch, count = b"".join(self._lines), len(self._lines)
                self._lines.clear()
            is_written = self._write_all(batch)
            if dropped := self._settle(len(batch), 0 if is_written else count, is_written=is_written):
                log.warning("log lines dropped", count=dropped)

    def _settle(self, size: int, lost: int, *, is_written: bool) -> int:
        """Make room again; return how many dropped lines can be told of now, which a failed write leaves for later."""
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
    """Return where lines for a stream go: a closed one takes none, one that is no file is written to directly."""
    if stream is None:  # Python's standard error where the descriptor was closed at the start
        return QueuedStream(os.open(os.devnull, os.O_WRONLY))
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):
        return DirectStream(stream)
    return QueuedStream(descriptor, encoding=stream.encoding or "utf-8")
