"""What takes a moment: from an event to its message, from a start to the first webhook; and what memory it takes."""

import asyncio
import time
from functools import partial
from statistics import median

from tests.app_fixture import signature
from tests.bench.cores import stay_on
from tests.bench.drain import until_drained
from tests.bench.load import NOTIFYING_ONE_IN, RUNS_OF_A_SERIES, body
from tests.bench.rows import Row, distribution, milliseconds
from tests.bench.upstream import Upstream
from tests.bench.world import Place, Running, a_place, post, running
from tests.postgres import Server

STARTS = 5
SAMPLES = 10
HEARD_WITHIN_S = 30
STAY = partial(stay_on, "ours")


async def measure_latency(server: Server, messages: int) -> list[Row]:
    """One red workflow after the other, to a service that has nothing else to do."""
    return [await _latency_on(where, messages) for where in (None, server)]


async def _latency_on(server: Server | None, messages: int) -> Row:
    upstream = Upstream()
    async with upstream.open() as address:
        with a_place(server, upstream=address) as place:
            async with running(place, "serve", stay=STAY) as service:
                took = [await _tell(upstream, service, number) for number in range(messages + 1)]
    what = f"event to message, idle, upstream answers at once, {messages} times"
    figure = f"{distribution(took[1:])} (the very first: {milliseconds(took[0])})"  # it loads Apprise
    return Row(what=what, where=place.name, figure=figure, reach="p50 100 ms, p99 400 ms")


async def _tell(upstream: Upstream, service: Running, number: int) -> float:
    """Seconds from the first byte of a post to the last one of the message that comes of it."""
    upstream.heard.clear()
    red = body(RUNS_OF_A_SERIES + number * NOTIFYING_ONE_IN)
    begun = time.perf_counter()
    assert await _post_one(service.port, red)
    async with asyncio.timeout(HEARD_WITHIN_S):
        await upstream.heard.wait()
    return time.perf_counter() - begun


async def _post_one(port: int, payload: bytes) -> bool:
    """Post, on a connection of its own; whether it was kept."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /hooks/circleci HTTP/1.1\r\nhost: bench\r\ncircleci-signature: {signature(payload)}\r\n"
    writer.write(f"{head}content-length: {len(payload)}\r\nconnection: close\r\n\r\n".encode() + payload)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.startswith(b"HTTP/1.1 202")


async def measure_start() -> list[Row]:
    """From nothing, no schema even, to the first webhook that is kept."""
    took = []
    for number in range(STARTS):
        with a_place(None, upstream="http://127.0.0.1:9", is_migrated=False) as place:
            begun = time.perf_counter()
            async with running(place, "serve", stay=STAY) as service:
                assert await _post_one(service.port, body(number))
                took.append(time.perf_counter() - begun)
    figure = f"{milliseconds(median(took))} ({milliseconds(min(took))} to {milliseconds(max(took))})"
    return [Row(what="start to first webhook kept, empty folder", where="SQLite", figure=figure, reach="2 s")]


async def measure_memory(events: int) -> list[Row]:
    """What `roundsman serve` takes when it has kept, judged and told more and more."""
    async with Upstream().open() as address:
        with a_place(None, upstream=address) as place:
            async with running(place, "serve", stay=STAY) as service:
                taken = [await _work_and_weigh(place, service, events // SAMPLES, nth) for nth in range(SAMPLES)]
    grown = ", ".join(f"{megabytes:.0f}" for megabytes in taken)
    figure = f"{taken[-1]:.0f} MB; after each tenth: {grown}"
    return [Row(what=f"memory of `serve` after {events:,} events", where="SQLite", figure=figure, reach="200 MB, flat")]


async def _work_and_weigh(place: Place, service: Running, events: int, series: int) -> float:
    await post(service.port, events, series=series)
    await until_drained(place)
    return service.resident_mb()
