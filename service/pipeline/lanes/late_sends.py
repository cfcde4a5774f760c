"""Late sends: sends that outlast their queue job.

The process that began a late send awaits its result.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from service.model import Attempt

LEASE = timedelta(seconds=30)  # notification and lane are ours alone until it ends; then we are taken for dead
RENEW_EVERY_S = 10.0


class LateSends:
    """The late sends of a process, by notification.

    Each renews a lease that keeps its attempt open and its lane paused. It occupies no job slot, so that any number of
    servers may take minutes.
    """

    def __init__(self) -> None:
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._attempts: dict[UUID, Attempt] = {}
        self._ends_at: float | None = None  # by the event loop's clock

    def __contains__(self, notification_id: object) -> bool:
        return notification_id in self._tasks

    def __getitem__(self, notification_id: UUID) -> Attempt:
        return self._attempts[notification_id]

    def add(self, attempt: Attempt, recording: Coroutine[Any, Any, None]) -> None:
        """Run ``recording``, which records the result of a late send, as a task."""
        task = asyncio.create_task(recording)
        self._tasks[attempt.notification_id] = task
        self._attempts[attempt.notification_id] = attempt
        task.add_done_callback(lambda _: self._remove(attempt.notification_id))

    def note(self, attempt: Attempt) -> None:
        """Note an attempt of this process that is under way: its result is to be recorded."""
        self._attempts[attempt.notification_id] = attempt

    def noted(self, notification_id: UUID) -> Attempt | None:
        """Return the attempt of this process that is under way, late or not."""
        return self._attempts.get(notification_id)

    def forget(self, notification_id: UUID) -> None:
        """Forget an attempt: its result is recorded."""
        self._attempts.pop(notification_id, None)

    @property
    def is_stopping(self) -> bool:
        """Return whether the process ends: nothing new is to begin."""
        return self._ends_at is not None

    def stop(self, *, grace: timedelta) -> None:
        """Let the late sends end within a grace time that begins now."""
        if self._ends_at is None:
            self._ends_at = asyncio.get_running_loop().time() + grace.total_seconds()

    async def finish(self) -> Sequence[Attempt]:
        """Wait for results until the grace time ends; return the attempts without one.

        The tasks that wait for them are cancelled.
        """
        while tasks := list(self._tasks.values()):
            left_s = (self._ends_at or 0.0) - asyncio.get_running_loop().time()
            if left_s <= 0:
                break
            await asyncio.wait(tasks, timeout=left_s)
        left = list(self._attempts.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return left

    def _remove(self, notification_id: UUID) -> None:
        self._tasks.pop(notification_id, None)
        self._attempts.pop(notification_id, None)
