"""One round: load, faults at random moments, recovery, and the count of what was promised against what was heard."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from uuid import UUID

from tests.crash.channel import Channel, Told, channel
from tests.crash.fleet import Database, Fleet, Postgres, a_fleet
from tests.crash.load import MOST, Load

SETTLES_WITHIN_S = 90.0
PATHS = ("/a", "/b")


@dataclass(frozen=True, kw_only=True)
class Count:
    """What came of a round, or of many.

    kept         of the acknowledged deliveries, those on disk
    owed         messages that follow from what was acknowledged, and from what was kept without that
    told         of these, the ones that the channels took at least once
    repeated     how often a channel took a message that it had
    in_flight    sends that a kill interrupted, or that another worker took over: each may be repeated once
    unexcused    repeats without an interruption of the same message
    stuck        deliveries that nobody judged, and notifications that nobody sent
    kills, terms, freezes   processes that were killed, asked to end, or stopped for a while
    crashes      of the database
    replays      deliveries that an operator had judged again meanwhile
    """

    acknowledged: int = 0
    kept: int = 0
    owed: int = 0
    told: int = 0
    repeated: int = 0
    in_flight: int = 0
    unexcused: int = 0
    stuck: int = 0
    kills: int = 0
    terms: int = 0
    freezes: int = 0
    crashes: int = 0
    replays: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    @property
    def is_good(self) -> bool:
        """Nothing lost, and nothing said twice but what was in flight."""
        nothing_lost = self.kept == self.acknowledged and self.told == self.owed
        return nothing_lost and self.unexcused == 0 and self.stuck == 0


async def a_round(
    database: Database, folder: Path, dice: Random, *, load_s: float, changes: int = MOST, most_kills: int = 3
) -> Count:
    """Disturb the processes of a fleet under load, let it recover, and count."""
    with channel(Random(dice.random()), moody=0.1) as end:
        async with a_fleet(database, folder, end.port) as fleet:
            await asyncio.gather(*(fleet.start(role) for role in database.roles))
            load = Load(door=fleet.door, chances=Random(dice.random()), most=changes)
            posting, replaying = asyncio.create_task(load.run()), asyncio.create_task(load.replay_some())
            faults: Counter[str] = Counter()
            for _ in range(many := dice.randint(1, most_kills)):
                await asyncio.sleep(dice.uniform(0.1, load_s / many))
                faults[await _disturb(fleet, dice)] += 1
            load.stopping = True
            await asyncio.gather(posting, replaying)
            await fleet.revive()
            await asyncio.to_thread(wait, fleet.is_settled)
            return replace(count(fleet, load, end), **faults)


async def _disturb(fleet: Fleet, dice: Random) -> str:
    """Do one of the things that happen to processes and databases; return its name among the counts."""
    member = dice.choice(fleet.members)
    match dice.choices(["kills", "terms", "freezes", "crashes"], weights=[4, 2, 2, 2])[0]:
        case "crashes" if isinstance(fleet.database, Postgres):
            await fleet.database.crash()
            return "crashes"
        case "terms":
            await fleet.replace(member, _moment(dice), gently=True)
            return "terms"
        case "freezes":  # longer or shorter than it takes others to hold it for dead
            await member.freeze(dice.uniform(0.1, 2 * fleet.timings.dead_after))
            return "freezes"
    await fleet.replace(member, _moment(dice))
    return "kills"


def _moment(dice: Random) -> str:
    """When the next one dies: as often as not at no moment of its own."""
    if dice.random() < 0.5:
        return "never"
    table = dice.choice(["deliveries", "notifications", "attempts"])
    moment = dice.choice([f"before:{table}", f"after:{table}", "sent"])
    return f"{moment}={dice.randint(1, 20)}"


def wait(claim: Callable[[], bool]) -> None:
    """Look again and again until something is so, but not for ever: the count tells what is missing."""
    deadline = time.monotonic() + SETTLES_WITHIN_S
    while not claim() and time.monotonic() < deadline:
        time.sleep(0.05)


def count(fleet: Fleet, load: Load, end: Channel) -> Count:
    """Compare what was promised with what is on record and what was heard."""
    database = fleet.database
    kept = {UUID(str(row[0])) for row in database.rows("SELECT id FROM deliveries")}
    subjects = [str(row[0]) for row in database.rows("SELECT DISTINCT commit_subject FROM events")]
    owed: set[Told] = {(path, what) for path in PATHS for what in {*subjects, *load.acknowledged.values()}}
    repeats = Counter({told: times - 1 for told, times in end.taken.items() if times > 1})
    interrupted = _interrupted(database)
    return Count(
        acknowledged=len(load.acknowledged),
        kept=len(kept & load.acknowledged.keys()),
        owed=len(owed),
        told=len(owed & end.taken.keys()),
        repeated=repeats.total(),
        in_flight=interrupted.total(),
        unexcused=(repeats - interrupted).total(),
        stuck=len(fleet.unsettled()),
        replays=load.replays,
    )


def _interrupted(database: Database) -> Counter[Told]:
    """The sends that were under way when somebody died, or was so slow that another took over, by the record."""
    found = database.rows(
        "SELECT notifications.channel_label, events.commit_subject FROM attempts "
        "JOIN notifications ON notifications.id = attempts.notification_id "
        "JOIN events ON events.id = notifications.event_id WHERE attempts.outcome = 'interrupted' OR EXISTS ("
        "SELECT 1 FROM attempts AS later WHERE later.notification_id = attempts.notification_id "
        "AND later.number > attempts.number AND later.started_at < attempts.ended_at)"
    )
    paths = {"web (json)": "/a", "web (json 2)": "/b"}
    return Counter((paths[label], subject) for label, subject in found)
