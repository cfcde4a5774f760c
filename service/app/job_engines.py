"""The job engine of each database, and the wake-ups of processes that share one.

What Postgres alone needs is loaded for Postgres alone: Procrastinate and psycopg take a quarter of a start.
"""

from datetime import timedelta
from functools import partial

from service.app.build_context import embedded_queue
from service.clock import Clock
from service.config.settings import Settings
from service.db.database import Store
from service.pipeline.context import Context, RetryPolicy
from service.queue.base import JobQueue
from service.queue.grace import Grace
from service.queue.wakeups import JOBS, PAGES, WakeUps


def job_engine(
    settings: Settings, store: Store, *, clock: Clock | None = None, send_grace: timedelta = RetryPolicy.send_grace
) -> JobQueue:
    """Return the job queue: its jobs are rows of this database, on the store's clock."""
    clock, grace = clock or store.clock, Grace(by_kind={"send": send_grace.total_seconds()})
    if not store.is_shared:
        return embedded_queue(store, clock=clock, grace=grace)
    from service.queue.procrastinate import ProcrastinateQueue  # noqa: PLC0415 - a service on SQLite starts sooner
    from service.queue.procrastinate_sql import ProcrastinateRows  # noqa: PLC0415 - a service on SQLite starts sooner

    return ProcrastinateQueue(settings.database_url, ProcrastinateRows(store), clock=clock, grace=grace)


def make_wake_ups(settings: Settings, context: Context) -> WakeUps | None:
    """Return the wake-ups of the processes that share the database, if they may."""
    if not context.store.is_shared:
        return None
    from service.queue.procrastinate import ProcrastinateQueue  # noqa: PLC0415 - a service on SQLite starts sooner

    wake_ups = WakeUps(settings.database_url)
    if isinstance(context.jobs, ProcrastinateQueue):
        context.jobs.on_new_jobs(partial(wake_ups.send, JOBS))
    context.store.after_commit(partial(wake_ups.send, PAGES))
    return wake_ups
