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

from tests.fake_servers import QuietHandler

Told = tuple[str, str]
"""A channel's path, and which change it was told of."""


@dataclass(kw_only=True)
class Channel:
    """What was taken, and how often; ``moody`` is the share of requests that it refuses or answers late.

    unknown   paths that it refuses with a 404
    """

    port: int
    moods: Random
    moody: float = 0.0
    unknown: frozenset[str] = frozenset()
    taken: Counter[Told] = field(default_factory=Counter)
    requests: int = 0
    arrived: Event = field(default_factory=Event)
    hang: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def note(self, path: str, body: bytes) -> int:
        """Decide on the answer's status, 0 for none, and note what is thereby taken."""
        change = re.search(r"Change \d+", json.loads(body)["message"])
        assert change is not None
        with self.lock:
            self.requests += 1
            status = 404 if path in self.unknown else self._mood()
            if status == 200:
                self.taken[path, change[0]] += 1
        self.arrived.set()
        return status

    def _mood(self) -> int:
        if self.moods.random() >= self.moody:
            return 200
        return self.moods.choice([0, 429, 503])

    def linger(self) -> None:
        """Take the time that a channel takes; while ``hang`` is set, for ever."""
        time.sleep(self.moods.uniform(0, 0.1) if self.moody else 0)
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
