"""Procrastinate's worker, which can be woken by its own process."""

from procrastinate.worker import Worker


class WokenWorker(Worker):
    """A worker that looks for jobs when it is told to, beside its polls.

    Its own listener would need a NOTIFY within the transaction that enqueues, and a connection for each queue.
    """

    def wake(self) -> None:
        """Look for jobs now; in the thread of the event loop."""
        self._new_job_event.set()
