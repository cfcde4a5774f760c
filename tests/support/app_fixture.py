"""A whole Roundsman to try things with: the real service on a real database, the clock a value, both ends pretended.

CircleCI is the demo's pretend one, asked through ASGI; channels are a notifier that does as it is told. Work is done
only when a test says ``drain``.
"""

import asyncio
import hmac
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from service.app.job_engines import job_engine
from service.app.limits import Limits
from service.app.service import Service, build
from service.circleci.circleci import CircleCI
from service.circleci.source import Source
from service.config.configuration import load
from service.config.settings import Settings
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import Temporary
from service.health import CheckLimits
from service.model import Channel, Fetch, FetchPurpose, Message
from service.pipeline.context import BatchLimits, RetryPolicy
from service.pipeline.receive import IntakeLimits
from service.pipeline.steps import Pipeline
from service.pipeline.worker import RowWorker
from service.store.events import fetches
from service.testing import sample_runs
from service.testing.fake_circleci.organization import ADA, PROJECTS, Run
from service.testing.fake_circleci.payloads import Payload, as_bytes, workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from service.web.live.changes import LiveLimits
from service.web.request_body import BodyLimits
from tests.support.databases import Database, database_of
from tests.support.operator_client import ADMIN_TOKEN, Operator

MONDAY = date(2026, 3, 2)
NINE = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
RED = sample_runs.web_main_red(MONDAY)
GREEN = sample_runs.web_main_fixed(MONDAY)
SECRET = "an-invented-secret"
TOKEN = "an-invented-token"
SETTLED_WITHIN_S = 120  # only a test that has gone wrong waits for this long
HELD_FOR_S = 120  # the same
PATIENT = Limits(
    live=LiveLimits(keepalive_s=0.05, lifetime_s=0.1),  # a test that asks for every address waits for its end
    transaction_wait_s=SETTLED_WITHIN_S,
    bodies=BodyLimits(timeout_s=SETTLED_WITHIN_S),
    intake=IntakeLimits(keep_timeout=SETTLED_WITHIN_S),
    batches=BatchLimits(seconds=SETTLED_WITHIN_S, awaited_seconds=SETTLED_WITHIN_S),
    checks=CheckLimits(timeout_s=SETTLED_WITHIN_S, cache_for_s=0),
)

RED_TO_WEB = """\
receivers:
  web:
    channels: [json://web.example.com]
routes:
  - name: red
    match: {status: [failed, error]}
    receiver: web
"""

Act = Callable[[], Awaitable[None]]


@dataclass(kw_only=True)
class Clock:
    """A time that stands still until somebody moves it."""

    now: datetime = NINE
    show: Callable[[datetime], None] = field(default=lambda _now: None)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, **by: float) -> None:
        self.now += timedelta(**by)
        self.show(self.now)

    def shown_by(self, database: Database) -> None:
        """Have a database tell the same time."""
        self.show = database.tell_time
        self.show(self.now)


@dataclass(kw_only=True)
class Channels:
    """A notifier that takes every message, except where a plan for the channel's label says otherwise.

    plan   what happens to the next messages of a channel: an error to raise, or something to do first
    """

    took: list[tuple[str, Message]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    plan: dict[str, list[Exception | Act]] = field(default_factory=dict)

    async def send(self, channel: Channel, message: Message, *, notification_id: UUID) -> str:
        self.tried.append(channel.label)
        ahead = self.plan.get(channel.label)
        match ahead.pop(0) if ahead else None:
            case Exception() as error:
                raise error
            case None:
                pass
            case act:
                await act()
        self.took.append((channel.label, message))
        return "taken"

    async def close(self) -> None:
        """Nothing is under way."""

    @property
    def told(self) -> list[str]:
        """The labels of those who took a message, in order."""
        return [label for label, _ in self.took]


@dataclass(kw_only=True)
class Instance:
    """A service, and everything that a test may do to it."""

    folder: Path
    settings: Settings
    clock: Clock
    channels: Channels
    pretend: FakeCircleCI
    service: Service
    http: httpx.AsyncClient

    async def send(self, body: bytes, *, secret: str = SECRET, **headers: str) -> httpx.Response:
        """Post a body, signed."""
        signed = {"circleci-signature": signature(body, secret), **headers}
        return await self.http.post("/hooks/circleci", content=body, headers=signed)

    async def post(self, payload: Payload) -> str:
        """Post a payload that must be taken; the delivery's id."""
        response = await self.send(as_bytes(payload))
        assert response.status_code == 202, response.text
        return str(response.json()["delivery"])

    async def finish(self, run: Run) -> str:
        """End a run: CircleCI can answer for it, and has posted it; the delivery's id."""
        self.pretend.run_finished(run)
        return await self.post(workflow_completed(run))

    def replace_source(self, make: Callable[[Source], Source]) -> None:
        """Have another source in place of the one that is there."""
        context = replace(self.service.context, source=make(self.service.context.source))
        self.service = replace(self.service, context=context, pipeline=Pipeline(context))

    async def work(self, kind: str, subject_id: str) -> None:
        """Do one job, whether or not it is due."""
        await self.service.pipeline.handlers[kind](UUID(subject_id))

    async def fetch(self, event_id: str, purpose: FetchPurpose) -> None:
        """Fetch an event's details, whether or not that is due."""
        store, pipeline = self.service.context.store, self.service.pipeline
        fetch = Fetch(event_id=UUID(event_id), purpose=purpose, lease_until=self.clock())
        await store.write(fetches.request, [fetch.event_id], purpose, due_at=fetch.lease_until)
        await pipeline.fetch(fetch)

    async def process(self) -> None:
        """Decide on the deliveries that are due."""
        await self.service.pipeline.process(limit=100)

    async def drain(self, **later: float) -> None:
        """Work off everything that is due, when so much time has passed."""
        self.clock.tick(**later)
        await drain(self.service, self.settings)

    async def show(self, event_id: str) -> Any:
        """Everything on record about an event."""
        response = await self.http.get(f"/api/v1/events/{event_id}")
        assert response.status_code == 200, response.text
        return response.json()

    async def dead_letters(self) -> Any:
        return (await self.http.get("/api/v1/dead-letters")).json()

    async def act(self, address: str) -> None:
        """Do something over the API, such as ``deliveries/ID/replay``."""
        response = await self.http.post(f"/api/v1/{address}")
        assert response.is_success, response.text

    def rows(self, query: str, *values: object) -> list[Any]:
        """What is on disk, read past the service."""
        return self.database.rows(query, *values)

    def jobs(self) -> list[str]:
        """The kinds of the jobs that are yet to be done, due or not."""
        return [kind for kind, _, _ in self.database.jobs()]

    def fetches(self) -> list[str]:
        """The purposes of the fetches that are yet to be done, due or not."""
        return [purpose for (purpose,) in self.rows("SELECT purpose FROM fetches ORDER BY event_id")]

    def change(self, statement: str, *values: object) -> None:
        """Change what is on disk, behind the service's back."""
        self.database.change(statement, *values)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The service at work by itself, as long as the block runs."""
        async with asyncio.timeout(SETTLED_WITHIN_S), self.service.running():
            yield

    def expect_word(self, label: str) -> asyncio.Event:
        """What is set once a channel has been sent something."""
        told = asyncio.Event()

        async def act() -> None:
            told.set()

        self.channels.plan[label] = [act]
        return told

    def counted(self, name: str, **labels: str) -> float:
        """What a counter has come to."""
        registry = self.service.context.metrics.registry
        return registry.get_sample_value(f"roundsman_{name}_total", labels) or 0.0

    async def expect_the_database_within(self, ms: int) -> None:
        """Have the connections that write wait no longer than this when somebody else is writing."""
        await self.tell_the_writers(f"PRAGMA busy_timeout={ms}")

    async def tell_the_writers(self, pragma: str) -> None:
        """Set something on the connection that writes: SQLite remembers it for each."""
        await self.service.context.store.write(lambda transaction: transaction.exec_driver_sql(pragma).close())

    def stranger(self) -> httpx.AsyncClient:
        """A client that holds no token."""
        transport = httpx.ASGITransport(self.service.asgi, client=("127.0.0.1", 4711))
        return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000")

    @property
    def database(self) -> Database:
        return database_of(self.folder)


def nothing(_transaction: Transaction) -> None:
    """Write nothing, and keep others from it."""


async def write_patiently(store: Store, work: Callable[[Transaction], object]) -> None:
    """Write, also where the machine is too busy to begin it within the patience of the store."""
    has_begun = False

    def noted(transaction: Transaction) -> None:
        nonlocal has_begun
        has_begun = True
        work(transaction)

    while not has_begun:
        try:
            await store.write(noted)
        except Temporary:
            if has_begun:
                raise


@asynccontextmanager
async def still_writing(store: Store, work: Callable[[Transaction], object] = nothing) -> AsyncIterator[None]:
    """A transaction that has done ``work`` and stays open while the block runs."""
    begun, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def hold(transaction: Transaction) -> None:
        work(transaction)
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(HELD_FOR_S)

    writing = asyncio.create_task(write_patiently(store, hold))
    await begun.wait()
    try:
        yield
    finally:
        may_end.set()
        await writing


def signature(body: bytes, secret: str = SECRET) -> str:
    """CircleCI's signature of a body."""
    return "v1=" + hmac.new(secret.encode(), body, sha256).hexdigest()


async def drain(service: Service, settings: Settings) -> None:
    """Do what is due, rows and jobs, until nothing is; what is due later stays."""
    while await _drain_rows(service) or await _drain_jobs(service, settings):
        pass


async def _drain_rows(service: Service) -> bool:
    """Decide and fetch until no row is due; return whether there was one."""
    worker = RowWorker(service.pipeline, committer=service.committer)
    did_work = False
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (decided := await worker.decide_due()) or (tasks := await worker.start_fetches()):
            did_work = True
            if not decided:
                await asyncio.gather(*tasks)
    return did_work


async def _drain_jobs(service: Service, settings: Settings) -> bool:
    """Run what is due through the real engine until nothing is; return whether there was something."""
    context = service.context
    jobs = job_engine(settings, context.store, clock=context.clock)
    if not (await jobs.backlog()).depth:
        return False
    running = asyncio.create_task(jobs.run(service.pipeline.handlers, service.pipeline.failed))
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while (await jobs.backlog()).depth:  # a job's row stays until it has ended
            await a_moment()
    jobs.stop()
    await running
    return True


async def a_moment() -> None:
    """Wait before looking again for what happens in the database, where nobody tells us of it."""
    await asyncio.sleep(0.005)


def environ(folder: Path, routes: str, **more: str) -> dict[str, str]:
    """The environment of a service whose data and configuration are in a folder."""
    (folder / "roundsman.yaml").write_text(routes, encoding="utf-8")
    return {
        "ROUNDSMAN_DATABASE_URL": database_of(folder).url,
        "ROUNDSMAN_CONFIG": str(folder / "roundsman.yaml"),
        "ROUNDSMAN_WEBHOOK_SECRETS": SECRET,
        "ROUNDSMAN_ADMIN_TOKEN": ADMIN_TOKEN,
        "ROUNDSMAN_CIRCLECI_TOKEN": TOKEN,
        "ROUNDSMAN_CIRCLECI_URL": "http://circleci.example.com",
        **more,
    }


@asynccontextmanager
async def an_instance(
    folder: Path,
    routes: str = RED_TO_WEB,
    *,
    clock: Clock | None = None,
    retry_policy: RetryPolicy | None = None,
    limits: Limits = PATIENT,
    **env: str,
) -> AsyncIterator[Instance]:
    """An instance in a folder that holds a migrated database; the same folder again is the instance after a restart.

    limits   by default too long to be met on a slow machine, and no answer of /readyz and /metrics is given twice
    """
    clock, channels = clock or Clock(), Channels()
    clock.shown_by(database_of(folder))
    pretend = FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)
    config = load(environ(folder, routes, **env))
    retry_policy = retry_policy or RetryPolicy(jitter=lambda: 0.5)
    service = build(config, clock=clock, retry_policy=retry_policy, limits=limits)
    source = CircleCI(
        secrets=config.settings.webhook_secrets,
        url=config.settings.circleci_url,
        token=config.settings.circleci_token,
        metrics=service.context.metrics,
        transport=httpx.ASGITransport(pretend.app),
        clock=clock,
        api=config.settings.circleci_api,
    )
    built = service.context.source  # the pages that ask CircleCI have this one, which sends over the network
    context = replace(service.context, notifier=channels, source=source)
    service = replace(service, context=context, pipeline=Pipeline(context))
    transport = httpx.ASGITransport(service.asgi, client=("127.0.0.1", 4711))
    http = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", auth=Operator())
    try:
        yield Instance(
            folder=folder,
            settings=config.settings,
            clock=clock,
            channels=channels,
            pretend=pretend,
            service=service,
            http=http,
        )
    finally:
        for open_end in (http.aclose, source.close, built.close, context.store.close):
            await open_end()
