"""Load at the hook: ``python -m tests.bench.load``, a process on a core of its own, or ``wrk`` where it is installed.

Bodies are signed and made before the clock starts; some connections, each with one request under way. Ours is on bare
sockets, so that it is not the slow end: it takes some 40 microseconds for a post.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import cast

import uvloop

from tests.bench.bodies import Mix, body, numbers, read_requests, request
from tests.bench.rows import quantile


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of some load: answers in all and those that are not 202, and the slow end in seconds."""

    answers: int
    errors: int
    seconds: float
    p99: float

    @property
    def per_second(self) -> float:
        """Return how many were answered in a second."""
        return self.answers / self.seconds


class Connection(asyncio.Protocol):
    """A connection with one request after the other, and one at least."""

    def __init__(self, requests: Iterator[bytes], load: "Load", ended: asyncio.Future[None]) -> None:
        self._requests, self._load, self._ended = requests, load, ended
        self._began = 0.0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next(is_first=True)

    def _next(self, *, is_first: bool = False) -> None:
        self._began = time.perf_counter()
        one = next(self._requests, None) if is_first or self._began < self._load.end_at else None
        if one is None:
            self._transport.close()
            return
        self._transport.write(one)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, rest = self._got.partition(b"\r\n\r\n")
        if not blank or len(rest) < _content_length(head):
            return
        self._load.latencies.append(time.perf_counter() - self._began)
        self._load.statuses[head[9:12].decode()] += 1
        self._got = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set_result(None)


class Load:
    """Requests over some connections, until there are no more or the time is up."""

    def __init__(self, seconds: float | None) -> None:
        self.latencies: list[float] = []
        self.statuses: Counter[str] = Counter()
        self._began = time.perf_counter()
        self.end_at = self._began + seconds if seconds else float("inf")

    async def run(self, port: int, requests: Iterator[bytes], connections: int) -> Outcome:
        """Send them all."""
        loop = asyncio.get_running_loop()
        ended = [loop.create_future() for _ in range(connections)]
        for end in ended:
            await loop.create_connection(partial(Connection, requests, self, end), "127.0.0.1", port)
        await asyncio.gather(*ended)
        answers = self.statuses.total()
        return Outcome(
            answers=answers,
            errors=answers - self.statuses["202"],
            seconds=time.perf_counter() - self._began,
            p99=quantile(self.latencies, 0.99),
        )


def _content_length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.split(b"\r\n", 1)[0] or 0)


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("port", 0), ("count", 0), ("connections", 32), ("series", 0), ("red-in", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--branches", type=int, default=1)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--requests", type=Path)
    parser.add_argument("--outcome", type=Path, required=True)
    asked = parser.parse_args()
    mix = Mix(red_in=asked.red_in, branches=asked.branches)
    requests: Iterator[bytes]
    if asked.requests:
        requests = cycle(read_requests(asked.requests))
    else:
        requests = iter([request(body(number, mix)) for number in numbers(asked.series, asked.count)])
    outcome = uvloop.run(Load(asked.seconds).run(asked.port, requests, asked.connections))
    asked.outcome.write_text(json.dumps(asdict(outcome)), encoding="ascii")


if __name__ == "__main__":
    main()
