"""How quickly the stored history is played through routes: the whole command, its start included."""

import asyncio
import time

from tests.bench.past import fill
from tests.bench.rows import Row
from tests.bench.world import Bench, Place

DAYS = 30
SINCE = "2026-10-01"
REACH = {"3 routes": 20_000, "300 routes": 4_000}
RECEIVER = "receivers:\n  team: {channels: [json://team.example.com]}\nroutes:\n"
EVERY_BRANCH = f"{RECEIVER}  - {{name: changes, match: {{transition: [broke, fixed]}}, receiver: team}}\n"


async def measure(bench: Bench) -> list[Row]:
    """Fill a database of each kind with a month, and play it through few and many routes."""
    rows = []
    for database in bench.scale.databases:
        with bench.migrated(database) as place:
            await asyncio.to_thread(fill, place.database_url, bench.scale.replayed, days=DAYS, has_bodies=True)
            rows += [await _measure_one(bench, place, routes) for routes in bench.scale.played_routes]
            rows.append(await _play(bench, place, "1 route that follows every branch", EVERY_BRANCH))
    return rows


async def _measure_one(bench: Bench, place: Place, routes: int) -> Row:
    """Play it through routes for the changes of default branches, and one for errors of any."""
    teams = "".join(
        f"  - {{name: team {n}, match: {{project: gh/acme/service-{n}, branch: main}}, receiver: team}}\n"
        for n in range(routes - 2)
    )
    others = (
        "  - {name: main, match: {branch: main}, receiver: team, continue: true}\n"
        "  - {name: errors, match: {status: error}, receiver: team}\n"
    )
    return await _play(bench, place, f"{routes} routes", f"{RECEIVER}{teams}{others}")


async def _play(bench: Bench, place: Place, what: str, routes: str) -> Row:
    (place.folder / "roundsman.yaml").write_text(routes, encoding="utf-8")
    began = time.perf_counter()
    child = bench.launch(("roundsman", "routes", "backtest", "--since", SINCE, "--json"), place.environ, "ours")
    code = await child.ended()
    assert code == 0, f"the command ended with {code}"
    rate, reach = bench.scale.replayed / (time.perf_counter() - began), REACH.get(what)
    return Row(
        what=f"back-test: {bench.scale.replayed:,} events of {DAYS} days, {what}",
        where=place.name,
        measured=f"{rate:,.0f} events/s",
        reach=f"{reach:,} events/s" if reach else "",
        is_reached=rate >= reach if reach else None,
        rate=rate,
    )
