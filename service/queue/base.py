"""The job queue: what the service asks of either engine.

A job is enqueued in the transaction of the rows it is about, and carries ids only. After a crash it may run twice: its
handler finds the work settled and leaves it. A retry is a new job at a time of its handler's.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from service.db.tables import Transaction
from service.model import Backlog, LaneHead
from service.queue.handlers import Failed, Handler

WORKER_ALIVE_WITHIN = timedelta(seconds=30)
"""A worker whose last heartbeat is younger than this counts as alive."""


class JobQueue(Protocol):
    """A job engine as the rest of the service sees it.

    A protocol because it has two implementations, one for each database.
    """

    def enqueue(
        self,
        kind: str,
        subject_id: UUID,
        *,
        within: Transaction,
        at: datetime | None = None,
        lane: str | None = None,
    ) -> None:
        """Enqueue a job in a transaction: it exists if that commits.

        It is due now, unless ``at`` is given.
        """

    def enqueue_many(self, kind: str, subject_ids: Sequence[UUID], *, within: Transaction) -> None:
        """Enqueue a job for each subject, in their order and due now, in one statement."""

    def set_head(self, lane: str, kind: str, head: LaneHead | None, *, within: Transaction) -> None:
        """Have one job wait in a lane, in place of all that wait there; none for None.

        A job of the lane that runs may end. The caller keeps others from doing the same to this lane meanwhile.
        """

    def pause_lane(self, lane: str, *, within: Transaction, until: datetime) -> None:
        """Begin no job of a lane before a time, on any machine; they keep their order."""

    def schedule(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        """Run something periodically while the engine runs, first when it starts."""

    def wake(self) -> None:
        """Look for due jobs now; another process may have enqueued some."""

    async def run(self, handlers: Mapping[str, Handler], failed: Failed) -> None:
        """Run due jobs until ``stop``; pass what a handler raised to ``failed``."""

    def stop(self) -> None:
        """Begin no new job; ``run`` returns after the running ones, or the grace time."""

    async def backlog(self) -> Backlog:
        """Return the number of due jobs, and the age of the oldest."""
        ...

    async def last_heartbeat(self) -> datetime | None:
        """Return the time at which any worker last polled for jobs; None if none did."""
        ...
