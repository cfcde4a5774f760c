"""Procrastinate's worker, woken in the middle of a look for jobs."""

from collections.abc import Iterable

from procrastinate import App
from procrastinate.jobs import Job
from procrastinate.manager import JobManager
from procrastinate.testing import InMemoryConnector

from service.queue.woken_worker import WokenWorker


class BusyTable(JobManager):
    """A table of jobs without any, in which a commit wakes the worker during its first looks.

    wakes   the number of looks that are met by a wake-up
    looks   the number of looks so far
    """

    def __init__(self, app: App, *, wakes: int) -> None:
        super().__init__(app.connector)
        self.worker = WokenWorker(app, queues=["send"], wait=False, install_signal_handlers=False)
        self.wakes, self.looks = wakes, 0
        app.job_manager = self

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        self.looks += 1
        if self.looks <= self.wakes:
            self.worker.wake()
        return None


async def looks(*, wakes: int) -> int:
    """Return how often a worker looks until it would wait for its next poll."""
    async with App(connector=InMemoryConnector()).open_async() as app:
        table = BusyTable(app, wakes=wakes)
        await table.worker.run()  # type: ignore[no-untyped-call]  # reason: Procrastinate leaves the return type out
    return table.looks


async def test_a_wake_up_during_a_look_leads_to_another_look() -> None:
    assert await looks(wakes=0) == 1
    assert await looks(wakes=1) == 2
    assert await looks(wakes=3) == 4
