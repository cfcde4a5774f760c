"""Work of our own: enqueued with the rows it is about, run once or again until it is settled.

A job carries ids only. It may run twice, after a crash: whoever handles it finds the work settled and leaves it.
One job is one attempt; trying again is a new job, at a time that whoever tried chooses.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.db.tables import Transaction
from service.model import Backlog
from service.queue.embedded import EmbeddedJobs
from service.queue.handlers import Failed, Handler, survive
from service.queue.procrastinate import ProcrastinateJobs, Rhythm

__all__ = ["LIVES", "EmbeddedJobs", "Failed", "Handler", "Jobs", "ProcrastinateJobs", "Rhythm", "survive"]

LIVES = timedelta(seconds=30)
"""A worker that looked for work within this time lives."""


class Jobs(Protocol):
    """What the rest of the service asks of a job engine."""

    def later(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue within a transaction: the job is there if and only if that commits. Now, unless ``at`` is given."""

    def later_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each of some subjects, in their order and due now: cheaper than one by one."""

    def next_in(self, lane: str, kind: str, subject_id: UUID, *, within: Transaction) -> None:
        """Enqueue before everything else that waits in a lane."""

    def rest(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin nothing of a lane before a time, on no machine; what waits in it keeps its order."""

    def every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Have something done again and again while the engine runs, first when it starts."""

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run what is due until ``stop``; hand what a handler raised to ``failed``."""

    def stop(self) -> None:
        """Begin nothing new; ``run`` returns when what was begun has ended, or its grace time has."""

    async def backlog(self) -> Backlog:
        """How much is due, and for how long."""
        ...

    async def last_look_at(self) -> datetime | None:
        """When any worker last looked for work: one that does not is no worker."""
        ...
