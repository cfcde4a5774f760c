"""What takes a moment: from an event to its message, from a start to the first webhook; and what memory it takes."""

import asyncio
import os
import subprocess
import time
from contextlib import AsyncExitStack
from statistics import median

from tests.bench.bodies import HOOK, body, signature
from tests.bench.drain import RED_IN, Backlog
from tests.bench.processes import Running, post, running
from tests.bench.rows import Row, distribution, milliseconds, quantile
from tests.bench.upstream import Upstream
from tests.bench.world import Bench, Place
from tests.support.processes import ROUNDSMAN, surroundings

SAMPLES = 10
HEARD_WITHIN_S = 60
P50_S, P99_S = 0.05, 0.2
START_S, HELP_S = 1.0, 0.3
MEMORY_MB = 150
FLAT = 1.05


async def measure_latency(bench: Bench) -> list[Row]:
    """One red workflow after the other, to a service that has nothing else to do."""
    return [await _latency(bench, database) for database in bench.scale.databases]


async def _latency(bench: Bench, database: str) -> Row:
    upstream, messages = Upstream(), bench.scale.messages
    async with upstream.open() as address:
        with bench.migrated(database, upstream=address) as place:
            async with running(place, "serve") as service:
                took = [await _tell(upstream, service, number * RED_IN) for number in range(messages + 1)]
    return Row(
        what=f"event to message, idle, both ends answer at once, {messages} times",
        where=database,
        measured=f"{distribution(took[1:])} (the very first, which loads Apprise: {milliseconds(took[0])})",
        reach="p50 under 50 ms, p99 under 200 ms",
        is_reached=quantile(took[1:], 0.5) < P50_S and quantile(took[1:], 0.99) < P99_S,
    )


async def _tell(upstream: Upstream, service: Running, number: int) -> float:
    """Return seconds from the first byte of a post to the last one of its message."""
    upstream.heard.clear()
    red = body(number)
    began = time.perf_counter()
    await _post_one(service.port, red)
    async with asyncio.timeout(HEARD_WITHIN_S):
        await upstream.heard.wait()
    return time.perf_counter() - began


async def _post_one(port: int, payload: bytes) -> None:
    """Post on a connection of its own, and expect that it is kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {HOOK} HTTP/1.1\r\nhost: bench\r\ncircleci-signature: {signature(payload)}\r\n"
    writer.write(f"{head}content-length: {len(payload)}\r\nconnection: close\r\n\r\n".encode() + payload)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 202"), answer


async def measure_start(bench: Bench) -> list[Row]:
    """From nothing, no schema even, to the first webhook that is kept; and the help of the command."""
    starts = [await _start(bench, number) for number in range(bench.scale.starts)]
    helps = [await asyncio.to_thread(_help) for _ in range(bench.scale.starts)]
    return [
        _moment("start to first accepted webhook, empty folder", "SQLite", starts, START_S),
        _moment("`roundsman --help`", "", helps, HELP_S),
    ]


def _moment(what: str, where: str, took: list[float], reach_s: float) -> Row:
    return Row(
        what=what,
        where=where,
        measured=f"{milliseconds(median(took))} ({milliseconds(min(took))} to {milliseconds(max(took))})",
        reach=f"under {reach_s:g} s",
        is_reached=median(took) < reach_s,
    )


async def _start(bench: Bench, number: int) -> float:
    with bench.place("SQLite") as place:
        began = time.perf_counter()
        async with running(place, "serve") as service:
            await _post_one(service.port, body(number))
            return time.perf_counter() - began


def _help() -> float:
    began = time.perf_counter()
    command = [str(ROUNDSMAN), "--help"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=surroundings({}), cwd=os.sep)
    return time.perf_counter() - began


async def measure_memory(bench: Bench) -> list[Row]:
    """What `roundsman serve` takes when it has kept, judged and told more and more."""
    upstream, events = Upstream(), bench.scale.remembered // SAMPLES
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(upstream.open())
        place = stack.enter_context(bench.migrated("SQLite", upstream=address))
        service = await stack.enter_async_context(running(place, "serve"))
        taken = [await _work_and_weigh(place, service, upstream, (nth, events)) for nth in range(1, SAMPLES + 1)]
    return [_memory(taken, SAMPLES * events)]


async def _work_and_weigh(place: Place, service: Running, upstream: Upstream, nth_of: tuple[int, int]) -> float:
    nth, events = nth_of
    await post(place, service.port, series=nth, count=events)
    await Backlog(place, upstream, events=nth * events, messages=nth * -(-events // RED_IN)).until_drained()
    return service.resident_mb()


def _memory(taken: list[float], events: int) -> Row:
    grown = ", ".join(f"{megabytes:.0f}" for megabytes in taken)
    return Row(
        what=f"memory of `serve` after {events:,} events",
        where="SQLite",
        measured=f"{taken[-1]:.0f} MB; after each tenth: {grown}",
        reach="under 150 MB, flat",
        is_reached=taken[-1] < MEMORY_MB and taken[-1] <= FLAT * taken[len(taken) // 2],
    )
