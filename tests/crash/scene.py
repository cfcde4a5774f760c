"""Everything that takes part in a round: the processes, both ends, the operator, and what stands between them."""

from dataclasses import dataclass, field
from random import Random

from tests.crash.channel import Channel
from tests.crash.circleci import MoodyCircleCI
from tests.crash.disk import Disk
from tests.crash.fleet import Fleet, Member
from tests.crash.load import Load
from tests.crash.operator import Operator
from tests.crash.proxy import Proxy


@dataclass(kw_only=True)
class Scene:
    """Everything that a trouble may trouble.

    proxy   only in front of Postgres
    disk    only below SQLite
    aged    changes that were made older than what is kept, so that they may be gone in the end
    """

    fleet: Fleet
    load: Load
    channel: Channel
    circleci: MoodyCircleCI
    operator: Operator
    proxy: Proxy | None
    disk: Disk | None
    aged: set[str] = field(default_factory=set)

    @property
    def dead_after_s(self) -> float:
        """The age of a heartbeat from which on others hold a process for dead, and the time until they act."""
        timings = self.fleet.limits.timings
        return timings.dead_after + 2 * timings.look + timings.heartbeat

    def someone(self, dice: Random) -> Member | None:
        return dice.choice(self.fleet.members) if self.fleet.members else None

    def calm(self) -> None:
        """End every trouble that comes from outside."""
        self.channel.calm()
        self.circleci.calm()
        if self.proxy:
            self.proxy.calm()
