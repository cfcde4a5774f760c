"""Processes of a measurement: on a core of their own, from when they answer until the block ends."""

import asyncio
import json
import os
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.cores import Whose, keep_on
from tests.bench.launch import LOOK_AGAIN_S, Child
from tests.bench.load import Outcome
from tests.bench.world import Place
from tests.support.processes import surroundings

STARTS_WITHIN_S = 120  # only a process that has gone wrong takes so long
LISTENING = "0A"  # /proc/net/tcp, man 5 proc
ROLES = {"serve", "web", "worker"}
UNSAMPLED = {("barest",), ("door", "nothing"), ("door", "receive")}  # they are not what is measured


@dataclass(frozen=True, kw_only=True)
class Running:
    """A process that listens."""

    child: Child
    port: int

    def resident_mb(self) -> float:
        """Return how much memory it takes by now."""
        status = Path(f"/proc/{self.child.pid}/status").read_text(encoding="ascii")
        [kilobytes] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(kilobytes) / 1024

    def cpu_seconds(self) -> float:
        """Return how much processor time it has taken, all threads together."""
        fields = Path(f"/proc/{self.child.pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def kill(self) -> None:
        """End it by SIGKILL."""
        self.child.kill()
        await self.child.ended()


@asynccontextmanager
async def running(place: Place, *words: str, core: Whose = "ours") -> AsyncIterator[Running]:
    """Run ``roundsman WORDS``, or ``python -m tests.bench.WORDS``, while the block runs."""
    command = ["roundsman", *words] if words[0] in ROLES else [f"tests.bench.{words[0]}", *words[1:]]
    with ExitStack() as stack:
        if place.profiler and words not in UNSAMPLED:
            file = stack.enter_context(place.profiler.sampling())
            command = ["tests.bench.sampler", str(file), *command]
        child = place.launch(command, surroundings({**place.environ, "ROUNDSMAN_PORT": "0"}), core)
        try:
            async with asyncio.timeout(STARTS_WITHIN_S):
                port = await _port_of(child)
                await _answer(port)
            yield Running(child=child, port=port)
        finally:
            child.kill()
            await child.ended()


async def _port_of(child: Child) -> int:
    """Return the port that a process listens on, once it does: the kernel chose it."""
    while True:
        assert child.exit_code() is None, "it ended before it listened"
        with suppress(FileNotFoundError):  # a descriptor that was closed meanwhile
            if ports := _listening(child.pid):
                return ports[0]
        await asyncio.sleep(LOOK_AGAIN_S)


def _listening(pid: int) -> list[int]:
    sockets = {descriptor.readlink().name for descriptor in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [
        int(row[1].partition(":")[2], 16) for row in rows if row[3] == LISTENING and f"socket:[{row[9]}]" in sockets
    ]


async def _answer(port: int) -> None:
    """Wait for an answer: a process that listens early may answer late."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 ")
    writer.close()
    await writer.wait_closed()


async def post(place: Place, port: int, **options: object) -> Outcome:
    """Have a process of its own send load; the options are those of ``python -m tests.bench.load``."""
    with TemporaryDirectory(prefix="roundsman-bench-") as folder:
        file = Path(folder) / "outcome.json"
        given = {"port": port, "outcome": file, **options}
        words = [word for name, value in given.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        child = place.launch(["tests.bench.load", *words], os.environ, "theirs")
        assert await child.ended() == 0, words
        outcome = Outcome(**json.loads(file.read_text(encoding="ascii")))
    assert not outcome.errors, outcome
    return outcome


async def wrk(port: int, requests: Path, seconds: float) -> Outcome:
    """Have wrk send the requests of a file over 32 connections for so long."""
    script, address = Path(__file__).parent / "wrk.lua", f"http://127.0.0.1:{port}"
    words = ("-c32", "-t1", f"-d{max(1, round(seconds))}s", "-s", str(script), address, "--", str(requests))
    child = await asyncio.create_subprocess_exec("wrk", *words, stdout=PIPE, stderr=DEVNULL)
    keep_on("theirs", child.pid)
    printed, _ = await child.communicate()
    assert child.returncode == 0, words
    outcome = Outcome(**json.loads(printed.splitlines()[-1]))
    assert not outcome.errors, outcome
    return outcome
