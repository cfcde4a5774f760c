"""Sends that outlast their job: each is listened to until its end is known, in the process that began it."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

LEASE = timedelta(seconds=30)  # so long nobody else touches the notification and its lane; then we are taken for dead
RENEW_EVERY_S = 10.0


class LateSends:
    """The late sends of a process, by notification.

    Each keeps its attempt open and its lane closed by a lease, which it renews: a place among the jobs it needs none,
    so that any number of servers may take their minutes.
    """

    def __init__(self) -> None:
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def __contains__(self, notification_id: object) -> bool:
        return notification_id in self._tasks

    def add(self, notification_id: UUID, listening: Coroutine[Any, Any, None]) -> None:
        """Have the end of a send listened for; it is a late send until that has been recorded."""
        task = asyncio.create_task(listening)
        self._tasks[notification_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(notification_id, None))

    async def close(self, *, grace_s: float = 2.0) -> None:
        """Let what is known by now be recorded, within the grace; the other attempts are found interrupted."""
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
