"""Somebody who posts: ``python -m tests.bench.load`` in a process, and on a core, of its own.

Signed bodies of workflows that ended, each with an id of its own, made before the clock starts; some connections,
each with one request under way. Writes what came of it into a file, as JSON. On bare sockets, so that the sender is not
the slow end: it takes some 40 microseconds for a post.
"""

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.app_fixture import GREEN, RED, signature
from tests.bench.cores import stay_on

NOTIFYING_ONE_IN = 10
RUNS_OF_A_SERIES = 1_000_000


@dataclass(kw_only=True)
class Outcome:
    """What came of posting: seconds in all, seconds of each request, and how many got which status."""

    seconds: float
    latencies: list[float] = field(repr=False)
    statuses: dict[str, int]

    @property
    def per_second(self) -> float:
        """How many were taken in a second."""
        return self.statuses.get("202", 0) / self.seconds


def body(number: int) -> bytes:
    """The end of a workflow that nobody else had; one in ten is red."""
    run = RED if number % NOTIFYING_ONE_IN == 0 else GREEN
    return as_bytes(workflow_completed(replace(run, number=number)))


def request(body: bytes, *, path: str, header: str) -> bytes:
    """A whole request, signed."""
    signed = f"{header}: {signature(body)}".replace("v1=", "sha256=" if header == "x-signature" else "v1=")
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{signed}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One request after the other."""

    def __init__(self, requests: Iterator[bytes], outcome: Outcome, ended: asyncio.Future[None]) -> None:
        self._requests, self._outcome, self._ended = requests, outcome, ended
        self._statuses: Counter[str] = Counter()
        self._begun = 0.0
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one, and says so to nobody
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._begun = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, blank, rest = self._got.partition(b"\r\n\r\n")
        if not blank or len(rest) < content_length(head):
            return
        self._outcome.latencies.append(time.perf_counter() - self._begun)
        status = head[9:12].decode()
        self._outcome.statuses[status] = self._outcome.statuses.get(status, 0) + 1
        self._got = b""
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set_result(None)


def content_length(head: bytes) -> int:
    """How long the answer's body is."""
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.split(b"\r\n", 1)[0] or 0)


async def post(port: int, requests: list[bytes], connections: int) -> Outcome:
    """Post them all, over so many connections at once."""
    loop = asyncio.get_running_loop()
    outcome = Outcome(seconds=0.0, latencies=[], statuses={})
    waiting = iter(requests)
    ended = [loop.create_future() for _ in range(connections)]
    begun = time.perf_counter()
    for end in ended:
        await loop.create_connection(partial(Connection, waiting, outcome, end), "127.0.0.1", port)
    await asyncio.gather(*ended)
    outcome.seconds = time.perf_counter() - begun
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("port", 0), ("count", 1000), ("connections", 32), ("series", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--path", default="/hooks/circleci")
    parser.add_argument("--header", default="circleci-signature")
    parser.add_argument("--outcome", type=Path, required=True)
    asked = parser.parse_args()
    stay_on("theirs")
    numbers = range(asked.series * RUNS_OF_A_SERIES, asked.series * RUNS_OF_A_SERIES + asked.count)
    requests = [request(body(number), path=asked.path, header=asked.header) for number in numbers]
    outcome = uvloop.run(post(asked.port, requests, asked.connections))
    asked.outcome.write_text(json.dumps(asdict(outcome)), encoding="ascii")


if __name__ == "__main__":
    main()
