"""How much of the disk a green run takes that nobody is told of: by table and index, with few and many routes."""

from collections import Counter
from contextlib import AsyncExitStack

from sqlalchemy import text

from service.db.database import make_engine
from tests.bench.drain import Backlog
from tests.bench.processes import post, running
from tests.bench.rows import Row
from tests.bench.scales import Scale
from tests.bench.upstream import Upstream
from tests.bench.world import NOWHERE, Bench, Place, read, route_file

REACH = 2_000
LISTED = 10
TRANSIENT = ("jobs", "procrastinate", "alembic", "sqlite", "lanes")
Part = tuple[str, str]
"""A table, and an index of it or its rows."""

PARTS = {
    "SQLite": """
        SELECT tbl_name, CASE type WHEN 'table' THEN 'rows' ELSE sqlite_master.name END, sum(pgsize)
        FROM dbstat JOIN sqlite_master ON sqlite_master.name = dbstat.name GROUP BY 1, 2
    """,
    "Postgres": """
        SELECT relname, 'rows', pg_table_size(relid) FROM pg_stat_user_tables
        UNION ALL SELECT relname, indexrelname, pg_relation_size(indexrelid) FROM pg_stat_user_indexes
    """,
}


async def measure(bench: Bench) -> list[Row]:
    """Bytes for each event of its own, by table; then the largest parts, by index."""
    rows = []
    for database in bench.scale.databases:
        for routes in bench.scale.weighed_routes:
            with bench.migrated(database, routes=route_file(NOWHERE, routes=routes)) as place:
                rows += _rows(database, routes, await _bytes_by_part(place, bench.scale))
    return rows


def _rows(database: str, routes: int, parts: Counter[Part]) -> list[Row]:
    tables: Counter[str] = Counter()
    for (table, _), size in parts.items():
        tables[table] += size
    what = f"disk, a green run without details, {routes} route{'s' if routes > 1 else ''}"
    by_table = ", ".join(f"{table} {size:,}" for table, size in tables.most_common() if size)
    by_index = ", ".join(
        f"{index} {size:,}" if index != "rows" else f"rows of {table} {size:,}"
        for (table, index), size in parts.most_common(LISTED)
    )
    total = parts.total()
    return [
        Row(
            what=what,
            where=database,
            measured=f"{total:,} bytes: {by_table}",
            reach=f"{REACH:,} bytes",
            is_reached=total <= REACH,
        ),
        Row(what=f"{what}: its largest parts", where=database, measured=by_index),
    ]


async def _bytes_by_part(place: Place, scale: Scale) -> Counter[Part]:
    """Return bytes for each event, from the second batch on: what is there once is in the first."""
    batch, sizes = scale.weighed // scale.batches, list[Counter[Part]]()
    for nth in range(1, scale.batches + 2):
        async with AsyncExitStack() as stack:
            roles = ["serve"] if place.name == "SQLite" else ["web", "worker"]
            door, *_ = [await stack.enter_async_context(running(place, role)) for role in roles]
            await post(place, door.port, series=nth, count=batch, red_in=0)
            await Backlog(place, Upstream(), events=nth * batch, messages=0).until_drained()
        sizes.append(_sizes(place))
    first, *_, last = sizes
    return Counter({part: round((size - first[part]) / (scale.batches * batch)) for part, size in last.items()})


def _sizes(place: Place) -> Counter[Part]:
    if place.name == "Postgres":
        _vacuum(place.database_url)
    found = read(place.database_url, PARTS[place.name])
    return Counter({(table, part): int(size) for table, part, size in found if not table.startswith(TRANSIENT)})


def _vacuum(database_url: str) -> None:
    engine = make_engine(database_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM"))
    engine.dispose()
