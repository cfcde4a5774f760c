"""The history at a size, by ``python -m tests.bench.history URL EVENTS``: every filter alone and every pair, and worse.

The database must be empty; it is filled first. Asked in one process through the ASGI app, so a figure holds everything
but the network: the queries, the JSON or the page.
"""

import asyncio
import logging
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import httpx
from sqlalchemy import make_url

from service.app.service import build
from service.config.configuration import load
from service.db.database import Store
from service.db.migrate import migrate
from service.logs import configure_logs
from service.operations.queries import MAX_PAGE_SIZE, to_search
from service.store import event_search, retention
from tests.app_fixture import RED_TO_WEB, environ
from tests.bench.past import NOW, fill
from tests.bench.rows import Row, distribution
from tests.operator_client import Operator

Asked = Mapping[str, str]

VALUES = {
    "project": ("service-0", "gh/acme/service-39", "nowhere"),
    "branch": ("main", "nowhere"),
    "tag": ("v100",),
    "workflow": ("build-and-test", "release"),
    "job": ("unit-web",),
    "status": ("success", "error"),
    "event": ("workflow-completed", "ping"),
    "actor": ("renovate[bot]",),
    "q": ("voucher", "topic7", "voucher shipping", "renovate main", "topic7 topic8"),
    "since": ("2026-01-15",),
    "until": ("2026-11-01",),
}
WORSE: tuple[Asked, ...] = (  # each common, and seldom or never together
    {"branch": "main", "actor": "renovate[bot]", "status": "success"},
    {"project": "service-0", "workflow": "release", "job": "unit-web", "status": "error"},
    {"event": "workflow-completed", "status": "success", "branch": "main", "q": "renovate"},
)
DEEP: tuple[Asked, ...] = ({}, {"status": "success"}, {"branch": "main"}, {"event": "job-completed", "q": "voucher"})
PAGE = 50
REPEATS = 3
FORGOTTEN = 20_000
AT_A_TIME = 100


async def measure(database_url: str, events: int) -> list[Row]:
    """Fill an empty database, look things up in it, and forget some."""
    migrate(database_url)
    await asyncio.to_thread(fill, database_url, events)
    return await look_and_forget(database_url, events)


async def look_and_forget(database_url: str, events: int) -> list[Row]:
    """Look things up in a filled database, and forget the oldest of it."""
    where = f"{'SQLite' if make_url(database_url).get_backend_name() == 'sqlite' else 'Postgres'}, {events:,} events"
    with TemporaryDirectory() as folder:
        settings = environ(Path(folder), RED_TO_WEB) | {"ROUNDSMAN_DATABASE_URL": database_url}
        service = build(load(settings))
        transport = httpx.ASGITransport(service.asgi, client=("127.0.0.1", 1))
        async with (
            service.open(),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", auth=Operator()) as http,
        ):
            store = service.context.store
            return [
                *await _first_pages(http, where),
                *await _deep_pages(http, store, where, min(1_000, events // 200)),
                *await _forgetting(store, where, min(FORGOTTEN, events // 2)),
            ]


def every_asked() -> Iterator[Asked]:
    """Nothing in particular, each filter alone, each pair, and worse."""
    yield {}
    for size in (1, 2):
        for names in combinations(VALUES, size):
            yield from (dict(zip(names, values, strict=True)) for values in product(*(VALUES[n] for n in names)))
    yield from WORSE


async def _first_pages(http: httpx.AsyncClient, where: str) -> list[Row]:
    every = list(every_asked())
    api = await _timed(http, [f"/api/v1/events?{urlencode(asked)}" for asked in every])
    pages = await _timed(http, [f"/?{urlencode({'event': 'any', **asked})}" for asked in every])
    worst, seconds = max(zip(every, api, strict=True), key=lambda one: one[1])
    cut_short = [asked for asked in every if await _is_cut_short(http, asked)]
    worst_words = " ".join(f"{name}={value}" for name, value in worst.items())
    return [
        Row(what=f"API, {len(every)} combinations", where=where, figure=distribution(api), reach="p95 < 50 ms"),
        Row(what=f"page, {len(every)} combinations", where=where, figure=distribution(pages), reach="p95 < 50 ms"),
        Row(what="the slowest combination", where=where, figure=f"{worst_words}: {seconds * 1000:.0f} ms"),
        Row(what="looked back in stretches", where=where, figure=f"{len(cut_short)} of {len(every)} combinations"),
    ]


async def _timed(http: httpx.AsyncClient, addresses: Sequence[str]) -> list[float]:
    """The middle of some tries for each address, in seconds, all of them shuffled."""
    taken: dict[str, list[float]] = {address: [] for address in addresses}
    order = [*addresses] * REPEATS
    random.Random(1).shuffle(order)
    for address in order:
        began = time.perf_counter()
        response = await http.get(address)
        taken[address].append(time.perf_counter() - began)
        assert response.status_code == 200, response.text
    return [sorted(taken[address])[REPEATS // 2] for address in addresses]


async def _is_cut_short(http: httpx.AsyncClient, asked: Asked) -> bool:
    return (await http.get("/api/v1/events", params=dict(asked))).json()["looked_back_to"] is not None


async def _deep_pages(http: httpx.AsyncClient, store: Store, where: str, depth: int) -> list[Row]:
    cursors = [await _cursor(store, asked, depth * PAGE) for asked in DEEP]
    first = await _timed(http, [f"/api/v1/events?{urlencode(asked)}" for asked in DEEP])
    deep = await _timed(
        http, [f"/api/v1/events?{urlencode({**a, 'cursor': c})}" for a, c in zip(DEEP, cursors, strict=True)]
    )
    ratio = sum(deep) / sum(first)
    what = f"API, page {depth:,} of {len(DEEP)} common combinations"
    figure = f"{distribution(deep)}; {ratio:.2f} of page 1"
    return [Row(what=what, where=where, figure=figure, reach="as page 1")]


async def _cursor(store: Store, asked: Asked, events: int) -> str:
    """Where so many events have gone by."""
    cursor: str | None = None
    for _ in range(0, events, MAX_PAGE_SIZE):
        page = await store.read(event_search.search, to_search(asked, NOW), limit=MAX_PAGE_SIZE, cursor=cursor)
        cursor = page.next or cursor
    assert cursor is not None
    return cursor


async def _forgetting(store: Store, where: str, count: int) -> list[Row]:
    taken, mark = [], None
    for _ in range(0, count, AT_A_TIME):
        began = time.perf_counter()
        mark = (await store.write(retention.prune, before=NOW, beyond=mark, limit=AT_A_TIME)).mark
        taken.append(time.perf_counter() - began)
    what = f"forget {AT_A_TIME} events, while no other process may write on SQLite"
    return [Row(what=what, where=where, figure=f"{distribution(taken)}; {count / sum(taken):,.0f} events/s")]


if __name__ == "__main__":
    configure_logs(logging.WARNING)  # a line for each request would be most of what is measured on a slow terminal
    for row in asyncio.run(measure(sys.argv[1], int(sys.argv[2]))):
        sys.stdout.write(f"{row.what} | {row.where} | {row.figure} | {row.reach}\n")
