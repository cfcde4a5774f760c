"""The real service in a process that dies by SIGKILL; ``begin`` is what such a process runs.

ROLE is ``serve``, ``web`` or ``worker``, as on the command line. WHEN is

``never``           serves until it is ended
``before:TABLE=N``  dies when the N-th transaction that wrote to a table is all but committed
``after:TABLE=N``   dies when the N-th transaction that wrote to a table has been committed
``sent=N``          dies when a channel has taken the N-th message, before that is on record

Pauses are short here, so that a test need not wait for them, as the pace has it; ``DEFAULT`` shortens nothing.
``python -m tests.support.crash_service ROLE WHEN PACE LOG FD`` is the same in a process of its own environment, such as
one whose clock is wrong.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, event

from service.app.limits import Limits
from service.app.reload import Reloader
from service.app.service import Service, build
from service.app.systemd import ServiceManager
from service.cli._signals import HANGUPS
from service.clock import now_utc
from service.config.configuration import Config, load
from service.db.data_folder import lock_folder
from service.db.migrate import migrate
from service.logs import configure_logs
from service.model import Channel, Message, Role
from service.pipeline.context import Notifier, RetryPolicy
from service.pipeline.steps import PRUNE_EVERY_S, SWEEP_EVERY_S, Pipeline
from service.pipeline.worker import WorkerLimits
from service.queue.grace import Grace
from service.queue.procrastinate import ProcrastinateQueue, WorkerTimings
from service.queue.procrastinate_sql import ProcrastinateRows
from service.web.server.server import listen, serving


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The time limits of a process.

    prune_every_s   seconds between two looks for what is old
    """

    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    timings: WorkerTimings = field(default_factory=WorkerTimings)
    limits: WorkerLimits = field(default_factory=WorkerLimits)
    prune_every_s: float = PRUNE_EVERY_S


PATIENCE = RetryPolicy(
    details_timeout=timedelta(seconds=3),
    late_details_timeout=timedelta(seconds=5),
    answer_timeout=timedelta(seconds=1),
    min_pause=timedelta(seconds=0.2),
    max_pause=timedelta(seconds=1),
    unknown_channel_pause=timedelta(seconds=0.2),
    send_lease=timedelta(seconds=2),
)
IMPATIENT = WorkerLimits(lease_margin=2.0)
HASTY = Pace(  # sooner, and a busy machine would make the living seem dead
    retry_policy=PATIENCE,
    timings=WorkerTimings(heartbeat=0.5, dead_after=5.0, look=0.5),
    limits=IMPATIENT,
    prune_every_s=1.0,
)
ALONE = Pace(  # where nobody else is there to take a busy worker for dead
    retry_policy=PATIENCE, timings=WorkerTimings(heartbeat=0.1, dead_after=0.5, look=0.1), limits=IMPATIENT
)
DEFAULT = Pace()
PACES = {"hasty": HASTY, "alone": ALONE, "default": DEFAULT}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Countdown:
    """Called for each of something, it lets so many happen, and the last of them is the end."""

    left: int

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            die()


@dataclass
class Writes:
    """Watches every connection for transactions that write to a table."""

    table: str
    before: Callable[[], None] = lambda: None
    has_committed: bool = False

    def listen(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._on_statement)
        event.listen(Engine, "after_cursor_execute", self._on_end_of_statement)
        event.listen(Engine, "commit", self._on_commit)
        event.listen(Engine, "rollback", self._on_rollback)

    def _on_statement(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if re.match(rf"\s*(INSERT INTO|UPDATE) {self.table}\b", statement):
            connection.info["wrote"] = True
            if _commits_by_itself(connection):
                self.before()

    def _on_end_of_statement(self, connection: Connection, *_: object) -> None:
        if _commits_by_itself(connection) and connection.info.pop("wrote", False):
            self.has_committed = True

    @staticmethod
    def _on_rollback(connection: Connection) -> None:
        if not connection.invalidated:  # else what was noted went with the lost connection
            connection.info.pop("wrote", None)

    def _on_commit(self, connection: Connection) -> None:
        if connection.info.pop("wrote", False):
            self.has_committed = True
            self.before()


def _commits_by_itself(connection: Connection) -> bool:
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


class DiesHavingSent:
    """A notifier that tells so many channels, and of the last one nobody what came of it."""

    def __init__(self, notifier: Notifier, ended: Countdown) -> None:
        self._notifier = notifier
        self._ended = ended
        self.close = notifier.close

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        receipt = await self._notifier.send(channel, message, notification_id=notification_id)
        self._ended()
        return receipt


def mortal(service: Service, when: str) -> Service:
    """The service, with an end ahead of it."""
    moment, _, count = when.partition("=")
    word, _, table = moment.partition(":")
    match word:
        case "before":
            Writes(table, before=Countdown(int(count))).listen()
        case "after":
            service.context.store.after_commit(_after(Writes(table), Countdown(int(count))))
        case "sent":
            notifier = DiesHavingSent(service.context.notifier, Countdown(int(count)))
            context = replace(service.context, notifier=notifier)
            return replace(service, context=context, pipeline=Pipeline(context))
    return service


def _after(writes: Writes, countdown: Countdown) -> Callable[[], None]:
    writes.listen()

    def committed() -> None:
        if writes.has_committed:
            writes.has_committed = False
            countdown()

    return committed


def impatient(service: Service, database_url: str, pace: Pace) -> Service:
    """The service, with an engine that finds a dead worker in seconds, not within the minute."""
    context = service.context
    if context.store.file is None and pace is not DEFAULT:
        rows, timings = ProcrastinateRows(context.store), pace.timings
        grace = Grace(by_kind={"send": pace.retry_policy.send_grace.total_seconds()})
        jobs = ProcrastinateQueue(database_url, rows, clock=context.clock, timings=timings, grace=grace)
        context = replace(context, jobs=jobs)
        service = replace(service, context=context, pipeline=Pipeline(context))
        jobs.schedule(SWEEP_EVERY_S, service.pipeline.sweep)
    if pace.prune_every_s != PRUNE_EVERY_S:
        context.jobs.schedule(pace.prune_every_s, service.pipeline.prune)
    return service


def begin(role: str, when: str, pace: str, environ: Mapping[str, str], log: Path, says: Pipe) -> None:
    """Live until killed; says where it listens, and writes what it logs to a file."""
    signal.signal(signal.SIGHUP, HANGUPS.record)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environ)
    configure_logs()
    config = load(environ)
    with ready(config):
        asyncio.run(live(config, role, when, PACES[pace], says))


async def live(config: Config, role: str, when: str, pace: Pace, says: Pipe) -> None:
    service = build(config, retry_policy=pace.retry_policy, role=Role(role), limits=Limits(worker=pace.limits))
    service = mortal(impatient(service, config.settings.database_url, pace), when)
    life = service.open() if role == "web" else service.running()
    reloader = Reloader(service, config.settings, lambda: load(os.environ))
    with HANGUPS.as_event() as hung_up:
        async with life, serving(service.asgi, listen("127.0.0.1", 0)) as address:
            reloading = asyncio.create_task(reloader.run(hung_up, ServiceManager(os.environ)))
            asked_to_end = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
            says.send(address)
            await asked_to_end.wait()
            reloading.cancel()
            service.stop()


@contextmanager
def ready(config: Config) -> Iterator[None]:
    """SQLite's folder held and its schema in place, as when ``roundsman serve`` starts; Postgres as it is."""
    database_url = config.settings.database_url
    if not database_url.startswith("sqlite"):
        yield
        return
    with lock_folder(
        Path(os.environ["ROUNDSMAN_CONFIG"]).parent, command="tests.support.crash_service", since=now_utc()
    ):
        migrate(database_url)
        yield


if __name__ == "__main__":
    role, when, pace, log, descriptor = sys.argv[1:]
    begin(role, when, pace, dict(os.environ), Path(log), Pipe(int(descriptor)))
