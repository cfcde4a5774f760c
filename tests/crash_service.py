"""The real service in a process that dies by SIGKILL; ``begin`` is what such a process runs.

ROLE is ``serve``, ``web`` or ``worker``, as on the command line. WHEN is

``never``           serves until it is ended
``before:TABLE=N``  dies when the N-th transaction that wrote to a table is all but committed
``after:TABLE=N``   dies when the N-th transaction that wrote to a table has been committed
``sent=N``          dies when a channel has taken the N-th message, before that is on record

Pauses are short here, so that a test need not wait for them: between tries, and, as the timings has it, until a worker
is taken for dead.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from uuid import UUID

from sqlalchemy import Connection, Engine, event

from service.app.service import Service, build
from service.clock import now_utc
from service.config.configuration import Config, load
from service.db.data_folder import lock_folder
from service.db.migrate import migrate
from service.model import Channel, Message, Role
from service.pipeline.context import Notifier, RetryPolicy
from service.pipeline.steps import SWEEP_EVERY_S, Pipeline
from service.queue.procrastinate import ProcrastinateQueue, WorkerTimings
from service.queue.procrastinate_sql import ProcrastinateRows
from service.web.server.server import listen, serving

PATIENCE = RetryPolicy(
    min_pause=timedelta(seconds=0.2),
    max_pause=timedelta(seconds=1),
    unknown_channel_pause=timedelta(seconds=0.2),
    send_lease=timedelta(seconds=2),
)
HASTY = WorkerTimings(
    heartbeat=0.5, dead_after=5.0, look=0.5
)  # sooner, and a busy machine would make the living seem dead
ALONE = WorkerTimings(
    heartbeat=0.1, dead_after=0.5, look=0.1
)  # where nobody else is there to take a busy worker for dead


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
        event.listen(Engine, "commit", self._on_commit)
        event.listen(Engine, "rollback", lambda connection: connection.info.pop("wrote", None))

    def _on_statement(self, connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if re.match(rf"\s*(INSERT INTO|UPDATE) {self.table}\b", statement):
            connection.info["wrote"] = True

    def _on_commit(self, connection: Connection) -> None:
        if connection.info.pop("wrote", False):
            self.has_committed = True
            self.before()


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


def impatient(service: Service, database_url: str, timings: WorkerTimings) -> Service:
    """The service, with an engine that finds a dead worker in seconds, not within the minute."""
    context = service.context
    if context.store.file is not None:
        return service
    jobs = ProcrastinateQueue(database_url, ProcrastinateRows(context.store), clock=context.clock, timings=timings)
    context = replace(context, jobs=jobs)
    pipeline = Pipeline(context)
    jobs.schedule(SWEEP_EVERY_S, pipeline.sweep)
    return replace(service, context=context, pipeline=pipeline)


def begin(role: str, when: str, timings: WorkerTimings, environ: Mapping[str, str], log: Path, says: Pipe) -> None:
    """Live until killed; says where it listens, and writes what it logs to a file."""
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            os.dup2(file.fileno(), stream.fileno())
    os.environ.clear()
    os.environ.update(environ)
    config = load(environ)
    with ready(config):
        asyncio.run(live(config, role, when, timings, says))


async def live(config: Config, role: str, when: str, timings: WorkerTimings, says: Pipe) -> None:
    service = build(config, retry_policy=PATIENCE, role=Role(role))
    service = mortal(impatient(service, config.settings.database_url, timings), when)
    life = service.open() if role == "web" else service.running()
    async with life, serving(service.asgi, listen("127.0.0.1", 0)) as address:
        says.send(address)
        asked_to_end = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asked_to_end.set)
        await asked_to_end.wait()


@contextmanager
def ready(config: Config) -> Iterator[None]:
    """SQLite's folder held and its schema in place, as when ``roundsman serve`` starts; Postgres as it is."""
    database_url = config.settings.database_url
    if not database_url.startswith("sqlite"):
        yield
        return
    with lock_folder(Path(os.environ["ROUNDSMAN_CONFIG"]).parent, command="tests.crash_service", since=now_utc()):
        migrate(database_url)
        yield
