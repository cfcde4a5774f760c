"""One round: load, troubles at random moments, recovery, and the count of what was promised against what was heard."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from service.db.migrate import migrate
from tests.crash import configuration
from tests.crash.channel import channel
from tests.crash.circleci import a_circleci
from tests.crash.count import Count, count
from tests.crash.databases import Database, Postgres, SQLite, new_postgres, new_sqlite
from tests.crash.disk import a_disk
from tests.crash.fleet import a_fleet
from tests.crash.load import MAX_CHANGES, Load
from tests.crash.operator import Operator
from tests.crash.proxy import a_proxy
from tests.crash.scene import Scene
from tests.crash.troubles import TROUBLES
from tests.support import postgres

PROGRESS_WITHIN_S = {"hasty": 300.0, "default": 600.0}
"""How long nothing may be done while something is left: a machine with much else to do is slow, and is waited for."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a round is made of: the same seed and names make the same one, but for the moments of the machine.

    server    of Postgres; None for SQLite
    names     of the troubles
    lasts_s   for which posts come, and within which troubles begin
    migrate   makes the tables of the database
    """

    seed: str
    names: Sequence[str]
    server: postgres.Server | None = None
    pace: str = "hasty"
    changes: int = MAX_CHANGES
    lasts_s: float = 4.0
    migrate: Callable[[str], None] = migrate

    @property
    def kind(self) -> type:
        return Postgres if self.server else SQLite


def deal(dice: Random, kind: type, *, hands: int) -> list[list[str]]:
    """Share out all troubles that mean something on this database and that can be had here."""
    names = [name for name, one in TROUBLES.items() if kind in one.databases and not one.lack()]
    dice.shuffle(names)
    return [names[number::hands] for number in range(hands)]


async def play(plan: Plan, folder: Path) -> Count:
    """Disturb the processes of a fleet under load, let it recover, and count."""
    dice = Random(plan.seed)
    async with a_scene(plan, folder, dice) as scene:
        await scene.fleet.start_all()
        posting = asyncio.create_task(scene.load.run())
        await asyncio.gather(*(_trouble(scene, name, Random(dice.random()), plan.lasts_s) for name in plan.names))
        scene.load.stopping = True
        await posting
        await recover(scene)
        counted = await asyncio.to_thread(count, scene)
        left = "\n".join(map(str, [datetime.now(UTC), *scene.fleet.unsettled()]))
        (folder / "left-undone").write_text(left, encoding="utf-8")
    return replace(counted, troubles=Counter(plan.names))


@asynccontextmanager
async def a_scene(plan: Plan, folder: Path, dice: Random) -> AsyncIterator[Scene]:
    """A fleet without processes yet, and everything around it."""
    async with AsyncExitStack() as stack:
        disk = None if plan.server else stack.enter_context(a_disk(folder))
        database = a_database(plan, disk.folder if disk else folder)
        end = stack.enter_context(channel(Random(dice.random()), moody=0.1))
        circleci = await stack.enter_async_context(a_circleci())
        settings, proxy = {"ROUNDSMAN_CIRCLECI_URL": circleci.address}, None
        if plan.server:
            proxy = await stack.enter_async_context(a_proxy(plan.server.port, Random(dice.random())))
            settings["ROUNDSMAN_DATABASE_URL"] = replace(plan.server, port=proxy.port).url(
                postgres.name_of(database.url)
            )
        fleet = await stack.enter_async_context(a_fleet(database, folder, end.port, plan.pace, **settings))
        configuration.write_all(fleet, end.port)
        chances = Random(dice.random())
        load = Load(
            door=fleet.door,
            chances=chances,
            most=plan.changes,
            lasts_s=plan.lasts_s,
            on_run=circleci.fake.run_finished,
        )
        operator = Operator(door=fleet.door, chances=chances)
        yield Scene(fleet=fleet, load=load, channel=end, circleci=circleci, operator=operator, proxy=proxy, disk=disk)


def a_database(plan: Plan, folder: Path) -> Database:
    """A new database of the plan's kind, a file in the folder for SQLite."""
    return new_postgres(plan.server, plan.migrate) if plan.server else new_sqlite(folder, plan.migrate)


async def _trouble(scene: Scene, name: str, dice: Random, within_s: float) -> None:
    await asyncio.sleep(dice.uniform(0.1, within_s))
    await TROUBLES[name].run(scene, dice)


async def recover(scene: Scene) -> None:
    """End all trouble, start what is gone, have what is dead sent again, and wait as long as something is done."""
    scene.calm()
    for member in scene.fleet.members:
        configuration.reconfigure(scene.fleet, member, configuration.LARGER, scene.channel.port)
    await scene.fleet.revive()
    least, deadline = math.inf, 0.0
    while rows := await asyncio.to_thread(scene.fleet.unsettled):
        # a delivery becomes two messages, and these are then what is left
        left = sum(3 if kind == "delivery" else 1 for kind, *_ in rows)
        if left < least:
            least, deadline = left, time.monotonic() + PROGRESS_WITHIN_S[scene.fleet.pace]
        elif time.monotonic() > deadline:
            return
        await scene.operator.resend_dead()
        await asyncio.sleep(0.1)


def wait(claim: Callable[[], bool]) -> None:
    """Look again and again until something is so, but not for ever: the count tells what is missing."""
    deadline = time.monotonic() + PROGRESS_WITHIN_S["hasty"]
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.05)
