"""What Procrastinate's workers do again and again: each time once, however many workers there are."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

from procrastinate import App
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.tasks import Task

from service.queue.errors import translated
from service.queue.handlers import survive

PERIODIC = "periodic"  # the queue of these jobs
Lasting = Callable[[], Awaitable[None]]


class Timetable:
    """Periodic jobs. Time is cut into turns of so many seconds; one process enqueues a turn's job, the first.

    Procrastinate's own timetable is written in cron's language, which knows no "every 45 seconds" and no "every 2 hours
    and a half".
    """

    def __init__(self, app: App, clock: Callable[[], datetime]) -> None:
        self._app = app
        self._clock = clock
        self._entries: list[tuple[float, Task[Any, Any, Any]]] = []

    def add(self, seconds: float, work: Lasting) -> None:
        """Have something done in every turn of so many seconds; two turns' work never overlaps."""
        name = f"every {seconds:g} s: {work.__qualname__}"

        async def once(timestamp: int) -> None:
            await survive(f"{name}, turn {timestamp}", work())

        task = self._app.task(name=name, queue=PERIODIC, lock=name, queueing_lock=name)(once)
        self._entries.append((seconds, task))

    async def keep(self) -> None:
        """Enqueue what every turn brings, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for seconds, task in self._entries:
                group.create_task(self._turns(seconds, task))

    async def _turns(self, seconds: float, task: Task[Any, Any, Any]) -> None:
        while True:
            # the database's, which all machines share: a turn that one machine took too early would be no other's
            now = self._clock().timestamp()
            await survive(f"a turn of '{task.name}'", self._enqueue(task, int(now // seconds)))
            await asyncio.sleep(seconds - now % seconds)

    async def _enqueue(self, task: Task[Any, Any, Any], turn: int) -> None:
        job = task.configure(task_kwargs={"timestamp": turn}).job
        with translated(), suppress(AlreadyEnqueued):  # the turn before has not been begun yet
            await self._app.job_manager.defer_periodic_job(job=job, periodic_id="", defer_timestamp=turn)
