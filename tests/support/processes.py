"""The console script as a process of its own, and a channel that takes its time."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests.support.app_fixture import signature
from tests.support.fake_servers import LOOPBACK, QuietHandler

ROUNDSMAN = Path(sys.executable).parent / "roundsman"
ENDS_WITHIN_S = 120  # only a test that has gone wrong waits for this long


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process: ours without settings, with these. Output is buffered, as it is for most people."""
    ours = ("ROUNDSMAN_", "COV_", "PYTHONUNBUFFERED")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**inherited, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, **environ}


def run(*words: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, its output in pipes."""
    return subprocess.run(
        [str(ROUNDSMAN), *words],
        cwd=folder,
        env=surroundings(environ),
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )


def until(claim: Callable[[], bool]) -> None:
    """Look again and again until something is so: it happens in another process."""
    give_up_at = time.monotonic() + ENDS_WITHIN_S
    while not claim():
        assert time.monotonic() < give_up_at, "it never came to be so"
        time.sleep(0.02)


@dataclass(kw_only=True)
class Served:
    """A running service; its log is read as JSON lines."""

    process: subprocess.Popen[str]
    address: str = ""
    log: list[Any] = field(default_factory=list)

    def read_until(self, what: str) -> Any:
        """Read the log up to a line that says this; what it says."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == what:
                return self.log[-1]
        raise AssertionError(f"it ended without saying {what!r}: {self.log}")

    def post(self, body: bytes) -> httpx.Response:
        headers = {"circleci-signature": signature(body)}
        return httpx.post(f"{self.address}/hooks/circleci", content=body, headers=headers, trust_env=False, timeout=60)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end and read the rest of its log; its exit code."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self) -> int:
        """Read the rest of its log; its exit code."""
        assert self.process.stderr
        late = threading.Timer(ENDS_WITHIN_S, self.process.kill)
        late.start()
        try:  # not by `communicate`, which reads past what this stream has read ahead
            self.log += map(json.loads, self.process.stderr)
            return self.process.wait(ENDS_WITHIN_S)
        finally:
            late.cancel()


@contextmanager
def serve(
    folder: Path, environ: Mapping[str, str], role: str = "serve", *, command: Path = ROUNDSMAN
) -> Iterator[Served]:
    """A ``roundsman serve``, or web or worker, from when it says that it listens; on a free port unless one is set."""
    with subprocess.Popen(
        [str(command), role],
        cwd=folder,
        env=surroundings({"ROUNDSMAN_PORT": "0", **environ}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        served = Served(process=process)
        try:
            served.address = served.read_until("roundsman is listening")["address"]
            yield served
        finally:
            process.kill()


@dataclass(kw_only=True)
class SlowChannel:
    """Takes a message, and says so only when it is let go on."""

    url: str = ""
    arrived: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)


@contextmanager
def slow_channel() -> Iterator[SlowChannel]:
    channel = SlowChannel()

    class Handler(QuietHandler):
        def do_POST(self) -> None:  # noqa: N802 - http.server's name for it
            self.rfile.read(int(self.headers["Content-Length"]))
            channel.arrived.set()
            channel.may_answer.wait(ENDS_WITHIN_S)
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    channel.url = f"json://127.0.0.1:{server.server_address[1]}/an-invented-channel-token"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield channel
    finally:
        channel.may_answer.set()
        server.shutdown()
        server.server_close()
        thread.join()
