"""The functions and statements that a measurement spends its time in: the limit of what is not reached."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

LISTED = 6
LOOK_EVERY_S = 0.01
ACTIVE = """
    SELECT query FROM pg_stat_activity
    WHERE state = 'active' AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class Profiler:
    """Samples of the measured processes, and of Postgres' statements."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self.statements: Counter[str] = Counter()

    def file(self) -> Path:
        """Return the file of one more process."""
        self._files.append(self._folder / f"{len(self._files)}.json")
        return self._files[-1]

    def report(self) -> list[str]:
        """Return the functions and the statements that most samples were in."""
        functions: Counter[str] = Counter()
        for file in self._files:
            if file.exists():
                functions.update(json.loads(file.read_text(encoding="utf-8")))
        return [*_shares("in", functions), *_shares("Postgres:", self.statements)]


@contextmanager
def profiling(server_url: str) -> Iterator[Profiler]:
    """Take samples while the block runs."""
    ended = threading.Event()
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        profiler = Profiler(Path(folder))
        watcher = threading.Thread(target=_watch, args=(server_url, profiler.statements, ended))
        watcher.start()
        try:
            yield profiler
        finally:
            ended.set()
            watcher.join()


def _watch(server_url: str, statements: Counter[str], ended: threading.Event) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        while not ended.wait(LOOK_EVERY_S):
            statements.update(" ".join(query.split())[:90] for (query,) in connection.execute(ACTIVE))


def _shares(word: str, counts: Counter[str]) -> list[str]:
    """Return the largest shares, each in words."""
    total = counts.total()
    return [f"{count / total:.0%} {word} `{what}`" for what, count in counts.most_common(LISTED)]
