"""The functions and statements that a measurement spends its time in: the limit of what is not reached."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

LISTED = 8
LOOK_EVERY_S = 0.01
STATEMENT_CHARACTERS = 108
ACTIVE = """
    SELECT CASE wait_event_type WHEN 'Lock' THEN 'waits for a lock: ' ELSE '' END || query FROM pg_stat_activity
    WHERE state = 'active' AND backend_type = 'client backend' AND query NOT LIKE '%pg_stat_activity%'
    AND query NOT LIKE 'SELECT count(*) FROM events%'  -- how the measurement sees that it is done
"""


class Profiler:
    """Samples of the measured processes, and of Postgres' statements while they run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[Path] = []
        self._running = 0
        self._statements: Counter[str] = Counter()

    @contextmanager
    def sampling(self) -> Iterator[Path]:
        """Count statements while the block runs; yield the file for the samples of one more process."""
        self._files.append(self._folder / f"{len(self._files)}.json")
        self._running += 1
        try:
            yield self._files[-1]
        finally:
            self._running -= 1

    def watch(self, server_url: str, ended: threading.Event) -> None:
        """Look at what Postgres does until the end."""
        with psycopg.connect(server_url, autocommit=True) as connection:
            while not ended.wait(LOOK_EVERY_S):
                if self._running:
                    queries = connection.execute(ACTIVE).fetchall()
                    self._statements.update(" ".join(query.split())[:STATEMENT_CHARACTERS] for (query,) in queries)

    def report(self) -> list[str]:
        """Return the functions and the statements that most samples were in."""
        functions: Counter[str] = Counter()
        for file in self._files:
            if file.exists():
                functions.update(json.loads(file.read_text(encoding="utf-8")))
        return [*_shares("in", functions), *_shares("Postgres:", self._statements)]


@contextmanager
def profiling(server_url: str) -> Iterator[Profiler]:
    """Take samples while the block runs."""
    ended = threading.Event()
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        profiler = Profiler(Path(folder))
        watcher = threading.Thread(target=profiler.watch, args=(server_url, ended))
        watcher.start()
        try:
            yield profiler
        finally:
            ended.set()
            watcher.join()


def _shares(word: str, counts: Counter[str]) -> list[str]:
    """Return the largest shares, each in words."""
    total = counts.total()
    return [f"{count / total:.0%} {word} `{what}`" for what, count in counts.most_common(LISTED)]
