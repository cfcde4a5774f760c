"""How quickly a backlog is judged and told: one event in ten notifies; with few and many routes, and with SIGKILL."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress

from tests.bench.cores import Whose
from tests.bench.processes import Running, post, running
from tests.bench.rows import Row
from tests.bench.upstream import Upstream
from tests.bench.world import Bench, Place, route_file

LOOK_AGAIN_S = 0.05
STALLS_AFTER_S = 180
ANSWER_S = 0.05
RED_IN = 10
BRANCHES = 40
"""Those of the events that several workers share: the runs of one branch are judged one after the other."""
REACH = {"SQLite": 600, "Postgres": 500}
KILLED = "; SIGKILL in the middle, restart included"


class Backlog:
    """A backlog at a place, until each event is judged and each message has arrived."""

    def __init__(self, place: Place, upstream: Upstream, *, events: int, messages: int) -> None:
        self.place = place
        self.events = events
        self.messages = messages
        self._upstream = upstream

    @property
    def told(self) -> int:
        """Return how many messages have arrived."""
        return self._upstream.told

    def left(self) -> int:
        """Return how many events are yet to be judged, or messages to be told, whichever are more."""
        return max(self.events - self.place.count_events(), self.messages - self.told)

    async def until_drained(self) -> None:
        """Wait for the end of it."""
        await self.until(self.events, self.messages)

    async def until(self, events: int, messages: int = 0) -> None:
        """Wait for so many events and messages. Raises TimeoutError when nothing moves for a long time."""
        seen, moved_at = (0, 0), time.perf_counter()
        while True:
            now = (self.place.count_events(), self.told)
            if now[0] >= events and now[1] >= messages:
                return
            if now != seen:
                seen, moved_at = now, time.perf_counter()
            if time.perf_counter() - moved_at > STALLS_AFTER_S:
                raise TimeoutError(f"stalled at {now[0]:,} events and {now[1]:,} messages")
            await asyncio.sleep(LOOK_AGAIN_S)


async def measure(bench: Bench) -> list[Row]:
    """One worker process on one core; both ends answer at once."""
    scale = bench.scale
    return [
        await _measure_one(bench, database, routes, is_killed=is_killed)
        for database in scale.databases
        for is_killed in (False, True)
        for routes in scale.routes
    ]


async def _measure_one(bench: Bench, database: str, routes: int, *, is_killed: bool) -> Row:
    upstream, events = Upstream(), bench.scale.drained
    async with upstream.open() as address:
        with bench.migrated(database, upstream=address, routes=route_file(address, routes=routes)) as place:
            backlog = Backlog(place, upstream, events=events, messages=-(-events // RED_IN))
            await keep(place, count=events)
            if is_killed:
                rate, tail = await drain_killed(backlog, tail_s=bench.scale.tail_s)
            else:
                rate, tail = await drain(backlog), ""
    return Row(
        what=f"drain: {events:,} events, one in ten notifies, {routes} routes{KILLED if is_killed else ''}",
        where=database,
        measured=f"{rate:.0f} events/s ({upstream.told:,} messages{tail})",
        reach=f"{REACH[database]} events/s",
        is_reached=rate >= REACH[database],
        rate=rate,
    )


async def keep(place: Place, **load: object) -> None:
    """Store webhooks while there is no worker; the load is that of ``processes.post``."""
    async with running(place, "door", "receive") as door:
        await post(place, door.port, series=0, **load)


async def drain(backlog: Backlog, workers: Sequence[Whose] = ("ours",)) -> float:
    """Return how many events, or messages if these are more to do, worker processes do in a second.

    Counted from when all answer; what the first did before is not counted.
    """
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(_worker(backlog.place, core)) for core in workers))
        began, left = time.perf_counter(), backlog.left()
        await backlog.until_drained()
        return left / (time.perf_counter() - began)


async def drain_killed(backlog: Backlog, *, tail_s: float) -> tuple[float, str]:
    """Return the rate until each event is judged, of a worker that is killed halfway and of the one that follows.

    A send that was under way at the kill has a lease, and its message comes when that has ended: the tail, in words.
    """
    async with _worker(backlog.place, "ours") as worker:
        began, left = time.perf_counter(), backlog.left()
        await backlog.until(backlog.events // 2)
        await worker.kill()
    async with _worker(backlog.place, "ours"):
        await backlog.until(backlog.events)
        judged = time.perf_counter() - began
        with suppress(TimeoutError):
            async with asyncio.timeout(tail_s):
                await backlog.until_drained()
        missing = max(0, backlog.messages - backlog.told)
        came = f"{missing} messages still to come" if missing else "the last message"
        return left / judged, f"; {came} after {time.perf_counter() - began:.0f} s"


def _worker(place: Place, core: Whose) -> AbstractAsyncContextManager[Running]:
    return running(place, "serve" if place.name == "SQLite" else "worker", core=core)


async def measure_workers(bench: Bench) -> list[Row]:
    """More and more workers on one Postgres, on all cores; CircleCI takes 50 ms for each answer."""
    rates = []
    for count in bench.scale.workers:
        upstream, events = Upstream(ANSWER_S), bench.scale.shared
        async with upstream.open() as address:
            with bench.migrated("Postgres", upstream=address) as place:
                await keep(place, count=events, branches=BRANCHES)
                backlog = Backlog(place, upstream, events=events, messages=-(-events // RED_IN))
                rates.append(await drain(backlog, ["all"] * count))
    return [
        Row(
            what=f"drain, {BRANCHES} branches, CircleCI takes 50 ms: {count} worker{'s' if count > 1 else ''}",
            where="Postgres",
            measured=f"{rate:.0f} events/s, {rate / rates[0]:.2f} of one worker",
            rate=rate,
        )
        for count, rate in zip(bench.scale.workers, rates, strict=True)
    ]
