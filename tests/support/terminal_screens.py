"""A command in a real terminal of its own, a pty: what stands on its screen, and what is typed there."""

import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, surroundings

ROWS = 40


@dataclass(frozen=True, kw_only=True)
class Screen:
    """The exit code of a command and what it wrote to its terminal."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


class Running:
    """A command that has a terminal, which a thread reads: a command that nobody reads would wait."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self._written, self._more = b"", threading.Condition()
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def read_until(self, what: str) -> str:
        """Wait for a text to be written; everything so far."""
        with self._more:
            written = self._more.wait_for(lambda: what.encode() in self._written, ENDS_WITHIN_S)
            assert written, f"it never wrote {what!r}: {self._written!r}"
            return self._text()

    def read_to_end(self, within_s: float = ENDS_WITHIN_S) -> Screen:
        """Wait for the last process to leave the terminal."""
        self._reading.join(within_s)
        return Screen(code=self.process.wait(within_s), text=self._text())

    def close(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reading.join()
        os.close(self._terminal)

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # EIO: the last process has left the terminal
            while read := os.read(self._terminal, 65_536):
                with self._more:
                    self._written += read
                    self._more.notify_all()

    def _text(self) -> str:
        return self._written.decode().replace("\r\n", "\n")


def on_screen(
    *words: str,
    folder: Path,
    columns: int = 80,
    keys: str = "",
    command: Sequence[str] = (),
    within_s: float = ENDS_WITHIN_S,
    **environ: str,
) -> Screen:
    """Run a command in a terminal so wide, type the keys, and return what is read there when it has ended."""
    with opened(*words, folder=folder, columns=columns, command=command, **environ) as running:
        running.type(keys)
        return running.read_to_end(within_s)


@contextlib.contextmanager
def opened(
    *words: str, folder: Path, columns: int = 80, command: Sequence[str] = (), **environ: str
) -> Iterator[Running]:
    """Start a command in a terminal so wide; it ends with the block at the latest."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, columns, 0, 0))
    inherited = {name: value for name, value in surroundings({}).items() if name not in {"COLUMNS", "LINES"}}
    process = subprocess.Popen(
        [*(command or [str(ROUNDSMAN)]), *words],
        cwd=folder,
        env={**inherited, "TERM": "xterm", **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    running = Running(process, ours)
    try:
        yield running
    finally:
        running.close()
