"""Periodic work on Procrastinate: one run a period, with any number of workers."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from service.queue.errors import as_temporary
from service.queue.handlers import run_guarded

PERIODIC = "periodic"  # the queue of these jobs
Work = Callable[[], Awaitable[None]]


class PeriodicScheduler:
    """A scheduler: time is cut into periods, and one process enqueues the job of each.

    Procrastinate's own scheduler speaks cron, which has no "every 45 seconds" and no "every 2.5 hours".
    """

    def __init__(self, app: App, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._entries: list[tuple[float, Task[Any, Any, Any]]] = []

    def add(self, seconds: float, work: Work) -> None:
        """Run work once in every period of so many seconds; two runs never overlap."""
        name = f"every {seconds:g} s: {work.__qualname__}"

        async def once(timestamp: int) -> None:
            await run_guarded(f"{name}, period {timestamp}", work())

        task = self._app.task(name=name, queue=PERIODIC, lock=name, queueing_lock=name)(once)
        self._entries.append((seconds, task))

    async def run(self) -> None:
        """Enqueue the job of every period, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for seconds, task in self._entries:
                group.create_task(self._enqueue_periodically(seconds, task))

    async def _enqueue_periodically(self, seconds: float, task: Task[Any, Any, Any]) -> None:
        while True:
            # by the database's clock, which all machines share: one that is ahead would take a period too early
            now = self._clock().timestamp()
            await run_guarded(f"a period of '{task.name}'", self._enqueue(task, int(now // seconds)))
            await asyncio.sleep(seconds - now % seconds)

    async def _enqueue(self, task: Task[Any, Any, Any], period: int) -> None:
        job = task.configure(task_kwargs={"timestamp": period}).job
        with as_temporary(), suppress(AlreadyEnqueued):  # the job of the period before has not begun yet
            await self._app.job_manager.defer_periodic_job(job=job, periodic_id="", defer_timestamp=period)
