"""A small instance with pages: a real store in a file, records as the pipeline would leave them, and browsers."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from starlette.applications import Starlette

from service.db.database import Store
from service.metrics import Metrics
from service.model import (
    Actor,
    Attempt,
    Commit,
    Delivery,
    DeliveryState,
    Details,
    Event,
    EventKind,
    Job,
    Judgment,
    JudgmentNotes,
    Message,
    Notification,
    NotificationState,
    Pipeline,
    Project,
    SignatureMatch,
    Verdict,
    Via,
    Workflow,
)
from service.operations import operator_actions
from service.operations.health.first_run import FirstRun, Setup
from service.queue.base import JobQueue
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from service.routing.news import news_key
from service.store.deliveries import deliveries
from service.store.events import decisions, events
from service.store.notifications import notifications
from service.web.auth.access import Access
from service.web.pages.context import PageContext, PageLimits
from service.web.pages.health_facts import HealthFacts
from service.web.pages.pages import Pages
from tests.support.app_fixture import SETTLED_WITHIN_S
from tests.support.operator_client import ADMIN_TOKEN, Operator

NOW = datetime(2026, 11, 22, 9, 12, 3, tzinfo=UTC)
LOOPBACK = "http://127.0.0.1:8000"
PUBLIC_URL = "https://ci.example.com"
JOB = Job(id="j1", name="unit-tests", number=5921, status="failed")
MESSAGE = Message(title="acme/web main: failed", text="build failed", markdown="", html="", severity="failure")


@dataclass(kw_only=True)
class Instance:
    """A store, and what is put into it."""

    store: Store
    jobs: JobQueue
    now: datetime = NOW
    deliveries: list[Delivery] = field(default_factory=list)
    setup: Setup = field(default_factory=Setup)
    health: HealthFacts = field(default_factory=HealthFacts)
    limits: PageLimits = field(default_factory=lambda: PageLimits(count_timeout_s=SETTLED_WITHIN_S))

    def clock(self) -> datetime:
        return self.now

    async def deliver(self, **changes: Any) -> Delivery:
        """A delivery; kept, unless ``state`` says otherwise."""
        event_id = uuid4()
        delivery = Delivery(
            id=event_id,
            source="circleci",
            source_event_id=str(event_id),
            via=Via.WEBHOOK,
            received_at=self.now,
            headers=(("circleci-event-type", "workflow-completed"),),
            body=b'{"type": "workflow-completed", "id": "3888f21b"}',
            signed=SignatureMatch(index=0, fingerprint="5f2ac01e"),
        )
        await self.store.write(deliveries.keep_many, [replace(delivery, **changes)])
        return replace(delivery, **changes)

    async def build(self, **changes: Any) -> Event:
        """A failed workflow that was judged, or what ``changes`` make of it; each is a minute older than the last."""
        delivery = await self.deliver(state=DeliveryState.SETTLED)
        self.deliveries.append(delivery)
        event = Event(
            id=delivery.id,
            kind=EventKind.WORKFLOW_COMPLETED,
            source_event_id=delivery.source_event_id,
            happened_at=self.now - timedelta(minutes=len(self.deliveries)),
            received_at=self.now,
            org="acme",
            project=Project(id="p1", slug="gh/acme/web", name="web"),
            pipeline=Pipeline(id="pl1", number=1487),
            workflow=Workflow(
                id=str(uuid4()), name="build-and-test", status="failed", url="https://app.example.com/w1"
            ),
            status="failed",
            branch="main",
            revision="3f2c8a526d3e4b7e9a570f6a1c2b3d4e5f607182",
            commit=Commit(subject="Apply vouchers before shipping", author_name="Ada Example"),
            actor=Actor(id="u1", login="ada", name="Ada Example"),
            trigger="webhook",
            duration_ms=303_000,
        )
        await self.store.write(events.put, replace(event, **changes))
        return replace(event, **changes)

    async def judge(self, event: Event, *said: tuple[Verdict, str], judged: int = 1) -> None:
        """What routes said: verdict and reason of each."""
        judgment = Judgment(
            event_id=event.id,
            round=judged,
            decided_at=self.now,
            verdicts={n: verdict for n, (verdict, _) in enumerate(said) if verdict is not Verdict.NOT_MATCHED},
            version=None,
            notes=JudgmentNotes(
                texts=tuple((f"route {n}", "web-team", reason) for n, (_, reason) in enumerate(said, 1))
            ),
        )
        await self.store.write(decisions.put, [judgment])

    async def learn(self, event: Event, details: Details) -> None:
        await self.store.write(events.put_details, {event.id: details})

    async def owe(self, event: Event, label: str = "web-team (slack)") -> Notification:
        """A notification that nobody has tried to send yet."""
        notification = Notification(
            id=uuid4(),
            event_id=event.id,
            topic=news_key(event),
            route="main is red",
            receiver="web-team",
            channel_key=label,
            channel_label=label,
            channel_kind="slack",
            state=NotificationState.PENDING,
            attempts=0,
            created_at=self.now,
            next_attempt_at=self.now,
            give_up_at=self.now + timedelta(hours=1),
        )
        await self.store.write(notifications.insert_or_get, [notification])
        return notification

    async def try_to_send(self, notification: Notification) -> Attempt:
        attempt = await self.store.write(notifications.begin_attempt, notification.id, self.now)
        assert attempt is not None
        return attempt

    async def send(self, notification: Notification, title: str = MESSAGE.title) -> None:
        attempt, message = await self.try_to_send(notification), replace(MESSAGE, title=title)
        await self.store.write(
            notifications.record_sent, attempt, message=message, receipt="Slack answered 200", at=self.now
        )

    async def put_off(self, notification: Notification, reason: str) -> None:
        attempt = await self.try_to_send(notification)
        again_at = self.now + timedelta(minutes=2)
        await self.store.write(notifications.record_put_off, attempt, reason=reason, at=self.now, again_at=again_at)

    async def give_up(self, notification: Notification, reason: str) -> None:
        attempt = await self.try_to_send(notification)
        await self.store.write(notifications.record_dead, attempt, reason=reason, at=self.now)

    async def told(self, event: Event) -> Sequence[Notification]:
        """Who is told of an event."""
        return await self.store.read(notifications.of_events, [event.id])

    async def ask_again(self, notification: Notification) -> None:
        """Have it sent again on the word of an operator, some time after what was done before."""
        self.now += timedelta(minutes=1)
        await operator_actions.resend(self.store, self.jobs, notification.id, who="command line, ada", at=self.now)

    async def enqueued(self) -> set[tuple[str, UUID]]:
        """The jobs that wait."""
        waiting = await JobRows(self.store).due(self.now, limit=100)
        return {(job.kind, job.subject_id) for job in waiting}

    def app(self, *, public_url: str | None = None) -> Starlette:
        access = Access(
            admin_token=ADMIN_TOKEN, public_url=public_url, clock=self.clock, store=self.store, metrics=Metrics()
        )
        first_run = FirstRun(replace(self.setup, public_url=public_url))
        context = PageContext(
            store=self.store,
            jobs=self.jobs,
            access=access,
            clock=self.clock,
            first_run=first_run,
            health=self.health,
            limits=self.limits,
        )
        return Starlette(routes=Pages(context).routes())

    def stranger(self, *, public_url: str | None = None) -> httpx.AsyncClient:
        """A browser that is not logged in."""
        transport = httpx.ASGITransport(self.app(public_url=public_url))
        return httpx.AsyncClient(transport=transport, base_url=public_url or LOOPBACK)

    def browser(self, *, public_url: str | None = None) -> httpx.AsyncClient:
        """A browser that logs in where it has to."""
        client = self.stranger(public_url=public_url)
        client.auth = Operator()
        return client


@asynccontextmanager
async def an_instance(folder: Path) -> AsyncIterator[Instance]:
    """An instance whose store is the database in this folder."""
    store = Store(f"sqlite:///{folder / 'roundsman.db'}")
    instance = Instance(store=store, jobs=EmbeddedQueue(JobRows(store), clock=lambda: NOW))
    yield instance
    await store.close()


def text(page: httpx.Response) -> str:
    """The words of a page as people read them, one blank between each."""
    body = page.text.partition("<main")[2]
    words = " ".join(unescape(re.sub(r"<[^>]*>", " ", body.partition(">")[2])).split())
    return re.sub(r" (?=[,.;:])", "", words)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder) as opened:
        yield opened


@pytest.fixture
async def browser(instance: Instance) -> AsyncIterator[httpx.AsyncClient]:
    async with instance.browser() as client:
        yield client
