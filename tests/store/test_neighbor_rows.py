"""Statements that change one row: its neighbors, in every state, stay as they are, byte for byte."""

from collections.abc import AsyncIterator, Collection
from datetime import timedelta
from uuid import uuid4

import pytest

from service.db.database import Store
from service.model import DeliveryState, Message, NotificationState
from service.store.deliveries import deliveries
from service.store.notifications import notifications
from tests.support.app_fixture import NINE
from tests.support.databases import Database
from tests.support.neighbor_rows import (
    DeliveryAct,
    NeighborRows,
    NotificationAct,
    a_delivery,
    a_notification,
    last_attempt,
    own_keys,
)

pytestmark = pytest.mark.databases("sqlite", "postgres")

PENDING, SENDING, SENT, DEAD, DISMISSED, DROPPED = NotificationState
IN_ANY_STATE = frozenset(NotificationState)
LATER = NINE + timedelta(hours=9)
MESSAGE = Message(title="t", text="w", markdown="", html="", severity="failure")

ON_A_NOTIFICATION: dict[str, tuple[NotificationAct, Collection[NotificationState]]] = {
    "note_unknown_channel": (lambda t, one: notifications.note_unknown_channel(t, one.id, LATER), {PENDING}),
    "postpone_unknown": (lambda t, one: notifications.postpone_unknown(t, one, again_at=LATER, reason="n"), {PENDING}),
    "begin_attempt": (lambda t, one: notifications.begin_attempt(t, one.id, LATER), {PENDING}),
    "hold": (lambda t, one: notifications.block_until(t, last_attempt(one), until=LATER), {SENDING}),
    "record_sent": (
        lambda t, one: notifications.record_sent(t, last_attempt(one), message=MESSAGE, receipt="ok", at=LATER),
        IN_ANY_STATE,
    ),
    "record_put_off": (
        lambda t, one: notifications.record_put_off(t, last_attempt(one), reason="n", at=LATER, again_at=LATER),
        {SENDING},
    ),
    "record_dead": (
        lambda t, one: notifications.record_dead(t, last_attempt(one), reason="n", at=LATER),
        {SENDING},
    ),
    "extend_deadline": (lambda t, one: notifications.extend_deadline(t, one.id, LATER), IN_ANY_STATE),
    "owe_again": (
        lambda t, one: notifications.requeue(t, one.id, at=LATER, patience=timedelta(hours=1)),
        {PENDING, SENT, DEAD, DISMISSED, DROPPED},
    ),
    "dismiss": (lambda t, one: notifications.dismiss(t, one.id), {DEAD}),
    "end_interrupted": (lambda t, one: notifications.end_interrupted(t, one.id, LATER), {SENDING}),
}
KEPT, SETTLED, BURIED, PUT_AWAY = (
    DeliveryState.KEPT,
    DeliveryState.SETTLED,
    DeliveryState.DEAD,
    DeliveryState.DISMISSED,
)
ON_A_DELIVERY: dict[str, tuple[DeliveryAct, Collection[DeliveryState]]] = {
    "settle": (lambda t, one: bool(deliveries.settle(t, [one.id])), {KEPT}),
    "put_off": (lambda t, one: deliveries.put_off(t, [one.id], until=LATER), {KEPT}),
    "release": (lambda t, one: deliveries.release(t, one.id), {KEPT}),
    "bury": (lambda t, one: deliveries.mark_dead(t, one.id, "n"), {KEPT}),
    "revive": (lambda t, one: deliveries.mark_kept(t, one.id), {SETTLED, BURIED, PUT_AWAY}),
    "dismiss": (lambda t, one: deliveries.dismiss(t, one.id), {BURIED}),
    "count_failure": (lambda t, one: deliveries.count_failure(t, one.id, "n"), frozenset(DeliveryState)),
    "count_failure, temporary": (
        lambda t, one: deliveries.count_failure(t, one.id, "n", is_temporary=True),
        frozenset(DeliveryState),
    ),
    "keep_many, again": (
        lambda t, one: deliveries.keep_many(t, [a_delivery(source_event_id=one.source_event_id)]),
        frozenset(DeliveryState),
    ),
}


@pytest.fixture
async def neighbors(database: Database) -> AsyncIterator[NeighborRows]:
    store = Store(database.url)
    neighbors = NeighborRows(store=store, database=database)
    await neighbors.fill()
    yield neighbors
    await store.close()


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize(("act", "states"), ON_A_NOTIFICATION.values(), ids=ON_A_NOTIFICATION)
async def test_act_on_a_notification_changes_it_in_these_states_and_no_neighbor(
    neighbors: NeighborRows, act: NotificationAct, states: Collection[NotificationState]
) -> None:
    for state in NotificationState:
        subject = await neighbors.notification(state)
        before = neighbors.rows()
        with neighbors.unchanged(subject):
            await neighbors.store.write(act, subject)

        assert bool(neighbors.changed(before)) == (state in states), state


@pytest.mark.parametrize(("act", "states"), ON_A_DELIVERY.values(), ids=ON_A_DELIVERY)
async def test_act_on_a_delivery_changes_it_in_these_states_and_no_neighbor(
    neighbors: NeighborRows, act: DeliveryAct, states: Collection[DeliveryState]
) -> None:
    for state in DeliveryState:
        subject = await neighbors.delivery(state)
        before = neighbors.rows()
        with neighbors.unchanged(subject):
            await neighbors.store.write(act, subject)

        assert neighbors.changed(before) == (own_keys(subject) if state in states else set()), state


@pytest.mark.parametrize("act", ["settle", "bury", "revive", "dismiss"])
async def test_act_on_a_delivery_that_is_gone_changes_nothing_and_says_so(neighbors: NeighborRows, act: str) -> None:
    do, _ = ON_A_DELIVERY[act]
    with neighbors.unchanged():
        assert await neighbors.store.write(do, a_delivery()) is False


@pytest.mark.databases("sqlite", "postgres")
async def test_interrupted_attempt_leaves_the_attempts_before_it_as_they_ended(neighbors: NeighborRows) -> None:
    subject = await neighbors.notification(SENDING, attempts=3)
    await neighbors.store.write(notifications.end_interrupted, subject.id, LATER)

    found = await neighbors.store.read(notifications.attempts_of, [subject.id])
    assert [attempt.outcome for attempt in found] == ["put_off", "put_off", "interrupted"]


async def test_delivery_that_is_gone_is_not_held_because_of_another(neighbors: NeighborRows) -> None:
    there = await neighbors.delivery()

    assert await neighbors.store.write(deliveries.lock, there.id) is True
    assert await neighbors.store.write(deliveries.lock, uuid4()) is False


@pytest.mark.databases("sqlite", "postgres")
async def test_first_notification_of_a_piece_of_news_is_found_among_others(neighbors: NeighborRows) -> None:
    first = await neighbors.notification(SENT, topic="news", channel_key="a")
    await neighbors.notification(SENT, topic="news", channel_key="b")
    await neighbors.notification(SENT, topic="other news", channel_key="a")
    standing = await neighbors.store.write(notifications.insert_or_get, [a_notification(topic="news", channel_key="a")])

    assert standing == [first]
