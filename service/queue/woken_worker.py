"""Procrastinate's worker, which can be woken by its own process."""

from typing import Any

from procrastinate.worker import Worker


class WokenWorker(Worker):
    """A worker that looks for jobs when it is told to, beside its polls.

    Its own listener would need a NOTIFY within the transaction that enqueues, and a connection for each queue.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_woken = False

    def wake(self) -> None:
        """Look for jobs now; in the thread of the event loop."""
        self._is_woken = True
        self._new_job_event.set()

    async def _fetch_and_process_jobs(self) -> None:
        """Look for jobs, and again while wake-ups came meanwhile.

        Procrastinate forgets a wake-up that comes during a look, although its job may have been committed too late to
        be seen.
        """
        self._is_woken = True
        while self._is_woken and not self._stop_event.is_set():
            self._is_woken = False
            await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]  # reason: it has no return type
