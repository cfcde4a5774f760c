"""A history at a size, over HTTP: every filter alone, every pair of filters, and worse; then far back.

Each filter has the slow end of all requests that it stands in.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import combinations, product
from urllib.parse import urlencode

import httpx

from tests.bench.past import count_as_sealed, fill
from tests.bench.processes import running
from tests.bench.rows import Row, distribution, milliseconds, quantile
from tests.bench.scales import Scale
from tests.bench.world import Bench, Place
from tests.support.operator_client import Operator

Asked = Mapping[str, str]

VALUES = {
    "project": ("service-0", "gh/acme/service-39", "nowhere"),
    "branch": ("main", "feature/*", "nowhere"),
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
REACH_S = 0.02
WIDE = 200  # the largest page
DEEPEST = 200


@dataclass(frozen=True, kw_only=True)
class Found:
    """A combination of filters: how long each answer took, and whether it looked back a stretch only."""

    asked: Asked
    took: list[float]
    stretches: list[bool]

    @property
    def middle(self) -> float:
        """Return the middle of its times."""
        return quantile(self.took, 0.5)


async def measure(bench: Bench) -> list[Row]:
    """Fill a database of each kind and size, and look things up in it."""
    rows = []
    for events, database in product(bench.scale.past, bench.scale.databases):
        with bench.migrated(database) as place:
            await asyncio.to_thread(fill, place.database_url, events)
            count_as_sealed(place.database_url)
            rows += await _measure_filled(place, f"{database}, {events:,} events", bench.scale)
    return rows


async def _measure_filled(place: Place, where: str, scale: Scale) -> list[Row]:
    role = "serve" if place.name == "SQLite" else "web"
    async with running(place, role) as service, client(service.port) as http:
        return await _look_up(http, where, scale)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of a service that has the operator's token."""
    address = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=address, auth=Operator(), trust_env=False, timeout=60) as http:
        yield http


def every_asked(widths: Sequence[int]) -> Iterator[Asked]:
    """Yield no filter, so many filters together, and worse."""
    yield {}
    for size in widths:
        for names in combinations(VALUES, size):
            yield from (dict(zip(names, values, strict=True)) for values in product(*(VALUES[n] for n in names)))
    yield from WORSE


async def _look_up(http: httpx.AsyncClient, where: str, scale: Scale) -> list[Row]:
    api = await timed(http, "/api/v1/events?{}", list(every_asked(scale.widths)), scale.repeats)
    pages = await timed(
        http, "/builds?{}", [{"event": "any"} | dict(asked) for asked in every_asked(scale.widths)], scale.repeats
    )
    return [_row("API", where, api), _row("page", where, pages), await _deep_row(http, where, scale)]


async def timed(http: httpx.AsyncClient, address: str, every: Sequence[Asked], repeats: int) -> list[Found]:
    """Ask each combination some times, all of them shuffled."""
    found = [Found(asked=asked, took=[], stretches=[]) for asked in every]
    order = found * repeats
    random.Random(1).shuffle(order)
    await http.get(address.format(""))  # logs in
    for one in order:
        began = time.perf_counter()
        response = await http.get(address.format(urlencode(one.asked)))
        one.took.append(time.perf_counter() - began)
        one.stretches.append('"looked_back_to":null' not in response.text and address.startswith("/api"))
        assert response.status_code == 200, response.text
    return found


def _row(what: str, where: str, found: Sequence[Found]) -> Row:
    by_filter: dict[str, list[float]] = defaultdict(list)
    for one in found:
        for name in one.asked:
            by_filter[name] += one.took
    slow = {name: quantile(took, 0.95) for name, took in by_filter.items()}
    listed = ", ".join(f"{name} {milliseconds(p95)}" for name, p95 in sorted(slow.items(), key=lambda one: -one[1]))
    worst = max(found, key=lambda one: one.middle)
    words = " ".join(f"{name}={value}" for name, value in worst.asked.items()) or "no filter"
    stretches = sum(any(one.stretches) for one in found)
    looked_back = f"; {stretches} looked back a stretch only" if stretches else ""
    return Row(
        what=f"{what}: {len(found)} combinations of filters",
        where=where,
        measured=f"p95 with {listed}; slowest `{words}` {milliseconds(worst.middle)}{looked_back}",
        reach="p95 under 20 ms, any filter",
        is_reached=max(slow.values()) < REACH_S,
    )


async def _deep_row(http: httpx.AsyncClient, where: str, scale: Scale) -> Row:
    """Compare a page far back with the first."""
    deep: list[Asked] = []
    for asked in DEEP:
        cursor, depth = dict[str, str](), 0
        while depth < DEEPEST:
            parameters = {**asked, "limit": str(WIDE)} | cursor
            answer = (await http.get("/api/v1/events", params=parameters)).json()
            if not answer["next"]:
                break
            cursor, depth = {"cursor": answer["next"]}, depth + 1
        deep.append({**asked} | cursor)
    near = [one for found in await timed(http, "/api/v1/events?{}", DEEP, scale.repeats) for one in found.took]
    far = [one for found in await timed(http, "/api/v1/events?{}", deep, scale.repeats) for one in found.took]
    return Row(
        what=f"API: up to {DEEPEST * WIDE:,} events back, {len(DEEP)} combinations",
        where=where,
        measured=f"{distribution(far)}; {sum(far) / sum(near):.2f} of the first page",
        reach="as the first page",
        is_reached=sum(far) < 1.5 * sum(near),
    )
