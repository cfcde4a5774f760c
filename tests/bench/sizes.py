"""How much of the disk a green run takes that nobody is told of, by table, with few and with many routes."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import httpx
from sqlalchemy import Connection, text

from service.db.database import make_engine
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.app_fixture import GREEN, signature
from tests.bench.drain import until_drained
from tests.bench.rows import Row
from tests.bench.world import Place, a_place, running
from tests.postgres import Server

ROUTES = (3, 30, 300)
BATCHES = 4  # between them Postgres is vacuumed, so that space is used again as it is in the long run
AT_ONCE = 16
REACH = 2_000
TRANSIENT = ("jobs", "procrastinate", "alembic", "sqlite", "lanes")

TABLES = {
    "sqlite": """
        SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_master ON sqlite_master.name = dbstat.name GROUP BY 1
    """,
    "postgresql": "SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables",
}


async def measure(server: Server, events: int) -> list[Row]:
    """Bytes for each event of its own, and the four tables that take most of them."""
    rows = []
    for where in (None, server):
        for routes in ROUTES:
            with a_place(where, upstream="http://127.0.0.1:9") as place:
                sizes = await _bytes_by_table(place, events, routes)
            largest = ", ".join(f"{table} {size:.0f}" for table, size in sizes.most_common(4))
            figure = f"{sizes.total():.0f} bytes ({largest})"
            what = f"disk for a green run without details, {routes} routes"
            rows.append(Row(what=what, where=place.name, figure=figure, reach=f"{REACH:,} bytes"))
    return rows


async def _bytes_by_table(place: Place, events: int, routes: int) -> Counter[str]:
    _configure(place, routes)
    before = _sizes(place)
    for batch in range(BATCHES):
        _sizes(place)  # vacuums
        await _keep_and_judge(place, range(batch * events // BATCHES, (batch + 1) * events // BATCHES))
    return Counter({table: round(size / events) for table, size in (Counter(_sizes(place)) - Counter(before)).items()})


def _configure(place: Place, routes: int) -> None:
    """Write routes as of many teams: each for the red runs of a project of its own."""
    listed = "".join(
        f"  - {{name: team {n}, match: {{project: gh/acme/service-{n}, branch: [main, release/*], "
        "status: [failed, error]}, receiver: web}\n"
        for n in range(routes)
    )
    written = f"receivers:\n  web:\n    channels: [json://127.0.0.1:9/told]\nroutes:\n{listed}"
    Path(place.environ["ROUNDSMAN_CONFIG"]).write_text(written, encoding="utf-8")


async def _keep_and_judge(place: Place, numbers: range) -> None:
    async with AsyncExitStack() as stack:
        roles = ["serve"] if place.name == "SQLite" else ["web", "worker"]
        first, *_ = [await stack.enter_async_context(running(place, role)) for role in roles]
        client = await stack.enter_async_context(httpx.AsyncClient(timeout=60))
        places = asyncio.Semaphore(AT_ONCE)

        async def post(number: int) -> None:
            body = as_bytes(workflow_completed(replace(GREEN, number=number)))
            async with places:
                address = f"http://127.0.0.1:{first.port}/hooks/circleci"
                answer = await client.post(address, content=body, headers={"circleci-signature": signature(body)})
            assert answer.status_code == 202, answer.text

        await asyncio.gather(*map(post, numbers))
        await until_drained(place)


def _sizes(place: Place) -> Mapping[str, int]:
    engine = make_engine(place.database_url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return _read_sizes(connection)
    finally:
        engine.dispose()


def _read_sizes(connection: Connection) -> Mapping[str, int]:
    if connection.dialect.name == "postgresql":
        connection.execute(text("VACUUM"))
    found = connection.execute(text(TABLES[connection.dialect.name])).all()
    return {table: int(size) for table, size in found if not table.startswith(TRANSIENT)}
