"""How quickly people are told: every event notifies, over ten channels."""

from tests.bench.drain import Backlog, drain, keep
from tests.bench.rows import Row
from tests.bench.upstream import Upstream
from tests.bench.world import Bench, route_file

CHANNELS = 10
REACH = {False: 150, True: 60}


async def measure(bench: Bench) -> list[Row]:
    """One worker process on one core, without and with questions to a CircleCI that answers at once."""
    return [
        await _measure_one(bench, database, asks=asks) for database in bench.scale.databases for asks in (False, True)
    ]


async def _measure_one(bench: Bench, database: str, *, asks: bool) -> Row:
    upstream, events = Upstream(), bench.scale.told
    async with upstream.open() as address:
        routes = route_file(address, routes=CHANNELS, teams=CHANNELS)
        with bench.migrated(database, upstream=address, routes=routes) as place:
            if not asks:
                del place.environ["ROUNDSMAN_CIRCLECI_TOKEN"]  # so there is nothing to wait for
            await keep(place, count=events, red_in=1, branches=CHANNELS)
            rate = await drain(Backlog(place, upstream, events=events, messages=events))
    calls = f"{upstream.asked / events:.1f} calls each at an instant CircleCI" if asks else "nothing to ask CircleCI"
    return Row(
        what=f"told: {events:,} events that all notify, {CHANNELS} channels, {calls}",
        where=database,
        measured=f"{rate:.0f} messages/s",
        reach=f"{REACH[asks]} messages/s",
        is_reached=rate >= REACH[asks],
        rate=rate,
    )
