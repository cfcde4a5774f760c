"""A command in a real terminal of its own, a pty: what stands on its screen, and what is typed there."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ENDS_WITHIN_S, ROUNDSMAN, surroundings

ROWS = 40


@dataclass(frozen=True, kw_only=True)
class Screen:
    """The exit code of a command and what it wrote to its terminal."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


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
    try:
        os.write(ours, keys.encode())
        read = _read_to_end(ours, within_s)
        return Screen(code=process.wait(within_s), text=read.decode().replace("\r\n", "\n"))
    finally:
        os.close(ours)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _read_to_end(terminal: int, within_s: float) -> bytes:
    give_up_at, read = time.monotonic() + within_s, b""
    with contextlib.suppress(OSError):  # EIO: the last process has left the terminal
        while time.monotonic() < give_up_at:
            if select.select([terminal], [], [], 1.0)[0]:
                read += os.read(terminal, 65_536)
    return read
