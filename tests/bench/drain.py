"""How quickly what was kept is judged and told: a backlog of which one event in ten notifies."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import partial

from service.db.database import Store
from service.model import NotificationState
from service.store import deliveries, notifications
from tests.bench.cores import stay_on
from tests.bench.rows import Row
from tests.bench.upstream import Upstream
from tests.bench.world import Place, a_place, post, running
from tests.postgres import Server

LOOK_AGAIN_S = 0.05
ANSWER_S = 0.05
TO_REACH = 100


async def measure(server: Server, events: int) -> list[Row]:
    """One process, on one core, upstream answers at once."""
    rows = []
    for where in (None, server):
        upstream = Upstream()
        async with upstream.open() as address:
            with a_place(where, upstream=address) as place:
                rate = await _drain(place, events, 1, is_pinned=True)
                what = f"drain, {events:,} events, one process, one core, upstream answers at once"
                figure = f"{rate:.0f} events/s ({upstream.told:,} messages)"
                rows.append(Row(what=what, where=place.name, figure=figure, reach=f"{TO_REACH} events/s"))
    return rows


async def measure_scale(server: Server, events: int, workers: tuple[int, ...] = (1, 2, 4)) -> list[Row]:
    """More and more workers on one Postgres, every core theirs, CircleCI answers after 50 ms."""
    rates = []
    for count in workers:
        async with Upstream(ANSWER_S).open() as address:
            with a_place(server, upstream=address) as place:
                rates.append(await _drain(place, events, count, is_pinned=False))
    return [
        Row(
            what=f"drain, {events:,} events, upstream answers after 50 ms: {count} worker{'s' if count > 1 else ''}",
            where="Postgres",
            figure=f"{rate:.0f} events/s, {rate / rates[0]:.2f} of one worker",
        )
        for count, rate in zip(workers, rates, strict=True)
    ]


async def _drain(place: Place, events: int, processes: int, *, is_pinned: bool) -> float:
    """Keep a backlog, then start whoever works it off; events a second from when all of them listen."""
    async with running(place, "together") as door:
        await post(door.port, events, series=0)
    stay = partial(stay_on, "ours") if is_pinned else partial(stay_on, "all")
    role = "serve" if place.name == "SQLite" else "worker"
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(running(place, role, stay=stay)) for _ in range(processes)))
        left, begun = await how_many_are_left(place), time.perf_counter()  # who listened first has begun already
        await until_drained(place)
        return left / (time.perf_counter() - begun)


async def how_many_are_left(place: Place) -> int:
    """How many deliveries are yet to be judged."""
    store = Store(place.database_url)
    try:
        return await store.read(deliveries.count_unjudged)
    finally:
        await store.close()


async def until_drained(place: Place) -> None:
    """Until every delivery is judged and every notification sent."""
    store = Store(place.database_url)
    try:
        while await _waiting(store):  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(LOOK_AGAIN_S)
    finally:
        await store.close()


async def _waiting(store: Store) -> int:
    unjudged = await store.read(deliveries.count_unjudged)
    unsent = await store.read(notifications.count, NotificationState.PENDING, NotificationState.SENDING)
    return unjudged + unsent
