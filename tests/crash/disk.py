"""A disk that is full for a while: a small one in memory that is filled up, or a limit on the size of files."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SIZE = "48m"
BLOCK = bytes(4_096)
ROOM_BYTES = 32_768  # that the limit leaves to the database's log
LOG_ROOM_BYTES = 262_144  # that it leaves to the process's own log, which stands in for a pipe


@dataclass(frozen=True, kw_only=True)
class Disk:
    """The folder of a database; ``is_small`` where it is a file system of its own."""

    folder: Path
    is_small: bool

    @contextmanager
    def full(self, pid: int, log: Path) -> Iterator[None]:
        """Leave a process no room for its database while the block runs."""
        if self.is_small:
            with self._filled():
                yield
            return
        written = (self.folder / "roundsman.db-wal").stat().st_size
        _limit_files(pid, max(written + ROOM_BYTES, log.stat().st_size + LOG_ROOM_BYTES))
        try:
            yield
        finally:
            with suppress(ProcessLookupError):  # it may have died meanwhile
                _limit_files(pid, resource.RLIM_INFINITY)

    @contextmanager
    def _filled(self) -> Iterator[None]:
        ballast = self.folder / "ballast"
        try:
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while file.write(BLOCK):
                    pass
            yield
        finally:
            ballast.unlink()


@contextmanager
def a_disk(folder: Path) -> Iterator[Disk]:
    """A small disk, as long as the block runs; where none can be mounted, a folder as any other."""
    place = folder / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "roundsman-crash", str(place)]
    is_small = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield Disk(folder=place, is_small=is_small)
    finally:
        if is_small:
            subprocess.run(["umount", "--lazy", str(place)], check=True)


def _limit_files(pid: int, size: int) -> None:
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size if hard == resource.RLIM_INFINITY else hard, hard))
