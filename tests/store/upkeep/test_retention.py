"""What has been kept for long enough is forgotten, all of it; what waits for somebody is not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from structlog.testing import capture_logs

from service.db.database import Store
from service.db.tables import metadata
from service.model import (
    Action,
    Delivery,
    DeliveryState,
    Details,
    Event,
    EventKind,
    Judgment,
    Message,
    Notification,
    NotificationState,
    Route,
    RoutesVersion,
    Verdict,
    Via,
)
from service.pipeline.upkeep.prune import prune
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.events import decisions, event_search, events
from service.store.events.filters import Search
from service.store.notifications import notifications
from service.store.upkeep import retention
from tests.support.app_fixture import NINE, RED, Instance, an_instance, still_writing

pytestmark = pytest.mark.databases("sqlite", "postgres")

NOW = NINE
OLD = NOW - timedelta(days=403)  # names and routes are marked as seen once a day, and stay for longer
BEFORE = NOW - timedelta(days=400)
MESSAGE = Message(title="t", text="w", markdown="", html="", severity="failure")


@dataclass(kw_only=True)
class Past:
    """A store, and what is put on record in it."""

    store: Store

    async def build(self, received_at: datetime, *, state: DeliveryState = DeliveryState.SETTLED) -> Event:
        """A build with everything that may belong to one, up to a message that was sent and what an operator did."""
        event_id = uuid4()
        came: dict[str, Any] = {
            "id": event_id,
            "source_event_id": str(event_id),
            "received_at": received_at,
            "via": Via.WEBHOOK,
        }
        delivery = Delivery(source="circleci", headers=(), body=b"{}", signed=None, state=state, **came)
        event = Event(kind=EventKind.WORKFLOW_COMPLETED, happened_at=received_at, branch="main", **came)
        version = RoutesVersion((Route(name="r", receiver="web"),))
        verdicts = {0: Verdict.MATCHED}
        judgment = Judgment(event_id=event.id, round=1, decided_at=received_at, verdicts=verdicts, version=version)
        await self.store.write(deliveries.keep_many, [delivery])
        await self.store.write(events.put, event)
        await self.store.write(events.put_details, {event.id: Details(rounds=1)})
        await self.store.write(decisions.put, [judgment])
        done = Action(verb="replay", subject_id=event.id, who="ada", at=received_at)
        await self.store.write(actions.record, done)
        return event

    async def deliver(self, received_at: datetime) -> Delivery:
        """A delivery that was not understood."""
        delivery = Delivery(
            id=(delivery_id := uuid4()),
            source="circleci",
            source_event_id=str(delivery_id),
            via=Via.WEBHOOK,
            received_at=received_at,
            headers=(),
            body=b"?",
            signed=None,
            state=DeliveryState.DEAD,
        )
        await self.store.write(deliveries.keep_many, [delivery])
        return delivery

    async def tell(self, event: Event, state: NotificationState = NotificationState.SENT) -> Notification:
        """A message about the build, with its attempt."""
        at = event.received_at
        notification = Notification(
            id=uuid4(),
            event_id=event.id,
            topic=str(uuid4()),
            route="r",
            receiver="web",
            channel_key="k",
            channel_label="web (json)",
            channel_kind="json",
            state=NotificationState.PENDING,
            attempts=0,
            created_at=at,
            next_attempt_at=at,
            give_up_at=at,
        )
        write = self.store.write
        await write(notifications.insert_or_get, [notification])
        await write(actions.record, Action(verb="resend", subject_id=notification.id, who="ada", at=at))
        if state is NotificationState.PENDING:
            return notification
        attempt = await write(notifications.begin_attempt, notification.id, at)
        assert attempt is not None
        if state is NotificationState.SENT:
            await write(notifications.record_sent, attempt, message=MESSAGE, receipt="ok", at=at)
        if state is NotificationState.DEAD:
            await write(notifications.record_dead, attempt, reason="gone", at=at)
        return notification

    async def prune(self, *, limit: int = 100) -> int:
        """Forget all that is old, in as many batches as it takes; how many events were forgotten."""
        count, mark = 0, None
        while True:
            pruned = await self.store.write(retention.prune, before=BEFORE, beyond=mark, limit=limit, now=NOW)
            count, mark = count + pruned.count, pruned.mark
            if mark is None:
                return count

    async def sizes(self) -> dict[str, int]:
        """How many rows there are in each table that has any, but for the seals, which say what was deleted."""
        counted = await self.store.read(
            lambda transaction: {
                table.name: (transaction.execute(select(func.count()).select_from(table))).scalar_one()
                for table in metadata.sorted_tables
            }
        )
        return {name: size for name, size in counted.items() if size and name != "seals"}

    async def found(self) -> list[UUID]:
        """What a search for everything finds."""
        page = await self.store.read(event_search.search, Search(), limit=100)
        return [event.id for event in page.items]


@pytest.fixture
async def past(database_url: str) -> AsyncIterator[Past]:
    store = Store(database_url)
    yield Past(store=store)
    await store.close()


async def test_an_old_event_goes_with_everything_that_belongs_to_it(past: Past) -> None:
    await past.tell(await past.build(OLD))
    before = await past.sizes()

    forgotten = await past.prune()

    assert set(before) == {
        *(
            "actions",
            "attempts",
            "decisions",
            "deliveries",
            "details",
            "events",
            "names",
            "notifications",
            "routes_versions",
        ),
    }
    assert forgotten == 1
    assert await past.sizes() == {}


async def test_what_is_young_enough_stays_whole(past: Past) -> None:
    young = await past.build(BEFORE)
    await past.tell(young)
    before = await past.sizes()
    await past.tell(await past.build(BEFORE - timedelta(microseconds=1)))

    await past.prune()

    assert await past.sizes() == before
    assert await past.found() == [young.id]


async def test_it_is_by_when_it_came_and_not_by_when_it_happened(past: Past) -> None:
    """A sample from the manual happened years ago, and who posts one wants to see it."""
    event = await past.build(NOW)
    await past.store.write(events.put, replace(event, happened_at=OLD))

    assert await past.prune() == 0


@pytest.mark.parametrize("state", [state for state in NotificationState if state is not NotificationState.SENT])
async def test_what_somebody_is_still_to_be_told_of_stays(past: Past, state: NotificationState) -> None:
    event = await past.build(OLD)
    await past.tell(event)
    await past.tell(event, state)
    before = await past.sizes()

    assert await past.prune() == 0
    assert {**await past.sizes(), "names": 1} == before  # the event is still found, by its branch's exact spelling


@pytest.mark.parametrize("state", [DeliveryState.KEPT, DeliveryState.DEAD])
async def test_what_is_not_judged_or_not_understood_stays(past: Past, state: DeliveryState) -> None:
    event = await past.build(OLD, state=state)

    assert await past.prune() == 0
    assert await past.found() == [event.id]


@pytest.mark.databases("sqlite", "postgres")
async def test_what_a_person_has_dismissed_goes_like_what_was_sent(past: Past) -> None:
    notification = await past.tell(await past.build(OLD), NotificationState.DEAD)
    await past.store.write(notifications.dismiss, notification.id)

    assert await past.prune() == 1
    assert await past.sizes() == {}


async def test_what_stays_does_not_keep_the_rest_from_going(past: Past) -> None:
    waiting = [await past.build(OLD + timedelta(seconds=second), state=DeliveryState.DEAD) for second in range(3)]
    for second in range(5):
        await past.build(OLD + timedelta(seconds=second))

    forgotten = await past.prune(limit=2)

    assert forgotten == 5
    assert await past.found() == [event.id for event in reversed(waiting)]


async def test_words_of_others_stay(past: Past) -> None:
    await past.build(OLD)
    young = await past.build(NOW)

    await past.prune()

    page = await past.store.read(event_search.search, Search(q="main"), limit=10)
    assert [event.id for event in page.items] == [young.id]


@pytest.mark.databases("sqlite", "postgres")
async def test_what_another_process_holds_is_left_for_the_next_time(past: Past) -> None:
    """On SQLite there is no other process: there, whoever writes has the file."""
    if past.store.file is not None:
        return
    event = await past.build(OLD)
    async with still_writing(past.store, lambda replaying: deliveries.mark_kept(replaying, event.id)):
        async with asyncio.timeout(120):
            meanwhile = await past.prune()

    assert meanwhile == 0
    assert await past.found() == [event.id]


@pytest.mark.long
async def test_what_was_not_understood_and_put_away_goes_when_it_is_old(past: Past) -> None:
    put_away = [await past.deliver(at) for at in (OLD, OLD, NOW)]
    waiting = await past.deliver(OLD)
    for delivery in put_away:
        await past.store.write(deliveries.dismiss, delivery.id)
        dismissed = Action(verb="dismiss", subject_id=delivery.id, who="ada", at=OLD)
        await past.store.write(actions.record, dismissed)

    counts = [await past.store.write(retention.prune_dismissed, before=BEFORE, limit=1, now=NOW) for _ in range(3)]

    assert counts == [1, 1, 0]
    assert await past.sizes() == {"deliveries": 2, "actions": 1}
    assert [delivery.id for delivery, _ in await past.store.read(deliveries.find_dead, limit=9)] == [waiting.id]


@pytest.mark.databases("sqlite", "postgres")
async def test_what_became_an_event_and_was_put_away_later_goes_with_its_event(past: Past) -> None:
    event = await past.build(OLD, state=DeliveryState.DEAD)
    await past.store.write(deliveries.dismiss, event.id)
    alone = await past.store.write(retention.prune_dismissed, before=BEFORE, limit=9, now=NOW)

    assert alone == 0
    assert await past.prune() == 1
    assert await past.sizes() == {}


# The service


@pytest.mark.long
async def test_the_service_forgets_by_itself_and_says_how_much(instance: Instance) -> None:
    delivery = await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(days=401)

    with capture_logs() as log:
        await instance.service.pipeline.prune()

    gone = await instance.http.get(f"/api/v1/events/{delivery}")
    assert gone.status_code == 404
    [said] = [line for line in log if line["event"] == "what is old was forgotten"]
    assert said["deliveries"] == 1


async def test_the_service_forgets_what_was_put_away_too_in_as_many_steps_as_it_takes(instance: Instance) -> None:
    for number in range(3):
        await instance.send(b'{"type": "new", "id": "%d"}' % number)
    await instance.drain()
    for waiting in (await instance.dead_letters())["deliveries"]:
        await instance.act(f"deliveries/{waiting['id']}/dismiss")
    instance.clock.tick(days=401)

    await prune(instance.service.context, batch_size=2)

    assert instance.rows("SELECT count(*) FROM deliveries") == [(0,)]


@pytest.mark.long
async def test_others_may_write_between_one_little_and_the_next(instance: Instance) -> None:
    for number in range(3):
        await instance.finish(replace(RED, number=RED.number + number))
    await instance.drain()
    instance.clock.tick(days=401)
    loop = asyncio.get_running_loop()
    since = loop.time()

    await prune(instance.service.context, batch_size=1)

    assert instance.rows("SELECT count(*) FROM events") == [(0,)]
    assert loop.time() - since > 0.29  # a tenth of a second after each of three


async def test_nothing_is_said_when_nothing_was_old(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()

    with capture_logs() as log:
        await instance.service.pipeline.prune()

    assert [line for line in log if "forgotten" in line["event"]] == []
    assert instance.rows("SELECT count(*) FROM events") == [(1,)]


@pytest.mark.long
async def test_for_how_long_is_a_setting(folder: Path) -> None:
    async with an_instance(folder, ROUNDSMAN_KEEP_DAYS="2") as instance:
        await instance.finish(RED)
        await instance.drain()
        instance.clock.tick(days=2, seconds=1)

        await instance.service.pipeline.prune()

        assert instance.rows("SELECT count(*) FROM deliveries") == [(0,)]


async def test_a_started_service_looks_for_old_events_at_once(instance: Instance) -> None:
    await instance.finish(RED)
    await instance.drain()
    instance.clock.tick(days=401)
    gone = asyncio.Event()

    def look() -> None:
        if instance.rows("SELECT count(*) FROM events") == [(0,)]:
            gone.set()

    instance.service.context.store.after_commit(look)
    async with instance.running():
        await gone.wait()

    if not instance.service.context.store.is_shared:  # on Postgres the terms are a column of the event
        assert instance.rows("SELECT count(*) FROM event_terms WHERE event_terms MATCH 'main'") == [(0,)]
