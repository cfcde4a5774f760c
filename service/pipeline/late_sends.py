"""Late sends: sends that outlast their queue job.

The process that began a late send awaits its result.
"""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any
from uuid import UUID

LEASE = timedelta(seconds=30)  # notification and lane are ours alone until it ends; then we are taken for dead
RENEW_EVERY_S = 10.0


class LateSends:
    """The late sends of a process, by notification.

    Each renews a lease that keeps its attempt open and its lane paused. It occupies no job slot, so that any number of
    servers may take minutes.
    """

    def __init__(self) -> None:
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def __contains__(self, notification_id: object) -> bool:
        return notification_id in self._tasks

    def add(self, notification_id: UUID, recording: Coroutine[Any, Any, None]) -> None:
        """Run ``recording``, which records the result of a late send, as a task."""
        task = asyncio.create_task(recording)
        self._tasks[notification_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(notification_id, None))

    async def close(self, *, grace_s: float = 2.0) -> None:
        """Wait up to ``grace_s`` for results to be recorded, then cancel.

        The other attempts are found interrupted later.
        """
        tasks = list(self._tasks.values())
        if tasks:
            await asyncio.wait(tasks, timeout=grace_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
