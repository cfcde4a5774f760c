"""The troubles that a round draws from: each a function of the scene, with a name and the databases it goes for."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from tests.crash import configuration, skew
from tests.crash.databases import Postgres, SQLite
from tests.crash.history import age_some
from tests.crash.scene import Scene

AGED = 5  # changes that are made old at once


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """One kind of trouble, for the databases it means something on; ``lack`` is why it cannot be had here."""

    run: Callable[[Scene, Random], Awaitable[None]]
    databases: tuple[type, ...] = (SQLite, Postgres)
    lack: Callable[[], str | None] = lambda: None


def moment(dice: Random) -> str:
    """When the next one dies: as often as not at no moment of its own."""
    if dice.random() < 0.5:
        return "never"
    table = dice.choice(["deliveries", "notifications", "attempts"])
    at = dice.choice([f"before:{table}", f"after:{table}", "sent"])
    return f"{at}={dice.randint(1, 20)}"


async def kill(scene: Scene, dice: Random) -> None:
    if member := scene.someone(dice):
        await scene.fleet.replace(member, moment(dice))


async def term(scene: Scene, dice: Random) -> None:
    if member := scene.someone(dice):
        await scene.fleet.replace(member, moment(dice), gently=True)


async def pause(scene: Scene, dice: Random) -> None:
    """Stop a process for less than it takes others to hold it for dead."""
    if member := scene.someone(dice):
        await member.freeze(dice.uniform(0.1, scene.fleet.limits.timings.dead_after))


async def freeze(scene: Scene, dice: Random) -> None:
    """Stop a process until others have taken its work, and let it go on with what it was at."""
    senders = [member for member in scene.fleet.members if member.role != "web"]
    if senders:
        await dice.choice(senders).freeze(scene.dead_after_s + dice.uniform(0, 2))


async def turn_clock(scene: Scene, dice: Random) -> None:
    """Replace a process by one whose clock is minutes off; the next one in its place has the right time again.

    On Postgres all go by its clock. On SQLite what is due by a clock that is set back waits until that has come: a
    minute at the most, or a round would take as long.
    """
    most = 900 if scene.proxy else 60
    if member := scene.someone(dice):
        await scene.fleet.replace(member, skew_s=dice.choice([-1, 1]) * dice.randint(most // 2, most))


async def crash(scene: Scene, _dice: Random) -> None:
    assert isinstance(scene.fleet.database, Postgres)
    await scene.fleet.database.crash()


async def lose(scene: Scene, dice: Random) -> None:
    """Let COMMITs through, and lose their answers."""
    assert scene.proxy
    scene.proxy.lost = dice.uniform(0.02, 0.3)
    await asyncio.sleep(dice.uniform(1, 3))
    scene.proxy.lost = 0.0


async def cut(scene: Scene, dice: Random) -> None:
    """Drop every connection to Postgres, a few times."""
    assert scene.proxy
    for _ in range(dice.randint(1, 5)):
        scene.proxy.cut()
        await asyncio.sleep(dice.uniform(0, 0.6))


async def stall(scene: Scene, dice: Random) -> None:
    """Have Postgres be there, and answer nothing."""
    assert scene.proxy
    scene.proxy.flows.clear()
    await asyncio.sleep(dice.uniform(0.5, 4))
    scene.proxy.flows.set()


async def fill(scene: Scene, dice: Random) -> None:
    assert scene.disk
    member = scene.someone(dice)
    if member and member.is_alive and member.process.pid:
        with scene.disk.full(member.process.pid, scene.fleet.folder / f"{member.place}.log"):
            await asyncio.sleep(dice.uniform(0.5, 3))


async def reconfigure(scene: Scene, dice: Random) -> None:
    """Roll another roundsman.yaml out, one process after the other, and perhaps back."""
    for text in dice.sample(configuration.FILES, dice.randint(1, 2)):
        for member in dice.sample(scene.fleet.members, len(scene.fleet.members)):
            configuration.reconfigure(scene.fleet, member, text, scene.channel.port)
            await asyncio.sleep(dice.uniform(0, 1))


async def sulk(scene: Scene, dice: Random) -> None:
    """Give CircleCI one mood after the other."""
    for _ in range(dice.randint(2, 5)):
        scene.circleci.sulk(dice)
        await asyncio.sleep(dice.uniform(0.1, 1))


async def pace(scene: Scene, dice: Random) -> None:
    """Have the channels take few messages, and say when to come again."""
    scene.channel.pace_s = dice.uniform(0.1, 0.6)
    await asyncio.sleep(dice.uniform(1, 3))
    scene.channel.pace_s = 0.0


async def hold(scene: Scene, dice: Random) -> None:
    """Have the channels take messages, and say so late: with the default limits, too late for who waits."""
    is_default = scene.fleet.pace == "default"
    scene.channel.holds_s = dice.uniform(35, 50) if is_default else dice.uniform(0.5, 5)
    await asyncio.sleep(dice.uniform(1, 3))
    scene.channel.holds_s = 0.0


async def bury(scene: Scene, dice: Random) -> None:
    """Have a channel be gone for a while: its messages become dead letters."""
    scene.channel.unknown = frozenset(dice.sample(["/a", "/b", "/c", "/d"], 2))
    await asyncio.sleep(dice.uniform(0.5, 2))
    scene.channel.unknown = frozenset()


async def replay(scene: Scene, dice: Random) -> None:
    async def act() -> None:
        young = {one: change for one, change in scene.load.acknowledged.items() if change not in scene.aged}
        await scene.operator.replay(young | dict.fromkeys(scene.load.riddles, ""))

    await scene.operator.often(act, dice.uniform(2, 4))


async def resend(scene: Scene, dice: Random) -> None:
    await scene.operator.often(scene.operator.resend, dice.uniform(2, 4))


async def dismiss(scene: Scene, dice: Random) -> None:
    await scene.operator.often(scene.operator.dismiss, dice.uniform(2, 4))


async def prune(scene: Scene, _dice: Random) -> None:
    """Make some of what is done with old, so that it is forgotten meanwhile."""
    scene.aged |= await asyncio.to_thread(age_some, scene.fleet.database, AGED)
    await asyncio.sleep(1)


TROUBLES = {
    "kill": Trouble(run=kill),
    "term": Trouble(run=term),
    "pause": Trouble(run=pause),
    "freeze": Trouble(run=freeze),
    "skew": Trouble(run=turn_clock, lack=skew.lack),
    "crash": Trouble(run=crash, databases=(Postgres,)),
    "lose": Trouble(run=lose, databases=(Postgres,)),
    "cut": Trouble(run=cut, databases=(Postgres,)),
    "stall": Trouble(run=stall, databases=(Postgres,)),
    "full": Trouble(run=fill, databases=(SQLite,)),
    "reconfigure": Trouble(run=reconfigure),
    "circleci": Trouble(run=sulk),
    "pace": Trouble(run=pace),
    "hold": Trouble(run=hold),
    "gone": Trouble(run=bury),
    "replay": Trouble(run=replay),
    "resend": Trouble(run=resend),
    "dismiss": Trouble(run=dismiss),
    "prune": Trouble(run=prune),
}
