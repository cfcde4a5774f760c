"""The other end of every notification: a server that notes what it was told, and is not always in the mood."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from threading import Event, Lock, Thread

from tests.support.fake_servers import QuietHandler

Told = tuple[str, str]
"""A channel's path, and which change it was told of."""


@dataclass(kw_only=True)
class Channel:
    """What was taken, and how often; ``moody`` is the share of requests that it refuses or answers late.

    unknown   paths that it refuses with a 404
    pace_s    seconds between two messages to a path: one that comes sooner gets a 429
    holds_s   for up to so many seconds an answer is held back, though the message was taken
    last      when each message was taken last, by ``time.monotonic``
    """

    port: int
    moods: Random
    moody: float = 0.0
    unknown: frozenset[str] = frozenset()
    pace_s: float = 0.0
    holds_s: float = 0.0
    taken: Counter[Told] = field(default_factory=Counter)
    last: dict[Told, float] = field(default_factory=dict)
    paced: dict[str, float] = field(default_factory=dict)
    requests: int = 0
    arrived: Event = field(default_factory=Event)
    hang: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def calm(self) -> None:
        """Take everything at once from now on."""
        self.moody = self.pace_s = self.holds_s = 0.0
        self.unknown = frozenset()

    def note(self, path: str, body: bytes) -> int:
        """Decide on the answer's status, 0 for none, and note what is thereby taken."""
        change = re.search(r"Change \d+", json.loads(body)["message"])
        assert change is not None
        with self.lock:
            self.requests += 1
            status = self._status(path)
            if status == 200:
                self.taken[path, change[0]] += 1
                self.last[path, change[0]] = self.paced[path] = time.monotonic()
        self.arrived.set()
        return status

    def _status(self, path: str) -> int:
        if path in self.unknown:
            return 404
        if time.monotonic() < self.paced.get(path, 0.0) + self.pace_s:
            return 429
        return self._mood()

    def _mood(self) -> int:
        if self.moods.random() >= self.moody:
            return 200
        return self.moods.choice([0, 429, 503])

    def linger(self) -> None:
        """Take the time that a channel takes; while ``hang`` is set, for ever."""
        most = self.holds_s or (0.1 if self.moody else 0)
        self.closing.wait(self.moods.uniform(0, most))
        if self.hang.is_set():
            self.closing.wait()


@contextmanager
def channel(moods: Random, *, moody: float = 0.0) -> Iterator[Channel]:
    """A channel on loopback, for any number of paths."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: it))
    server.daemon_threads = True
    it = Channel(port=server.server_address[1], moods=moods, moody=moody)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield it
    finally:
        it.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(channel: Callable[[], Channel]) -> type[BaseHTTPRequestHandler]:
    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name for it
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = channel().note(self.path, body)
            channel().linger()
            if status == 0:
                return  # hangs up without a word
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "1")
            self.end_headers()

    return Handler
