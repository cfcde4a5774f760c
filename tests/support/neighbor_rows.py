"""Neighbor rows: a delivery and a notification in every state, and a check that a statement changes none of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from service.db.database import Store
from service.db.tables import Transaction, attempts, deliveries, notifications
from service.model import Attempt, Delivery, DeliveryState, Notification, NotificationState, Outcome, Via
from service.store.rows import delivery_row
from tests.support.app_fixture import NINE
from tests.support.databases import Database

COLUMNS = {
    "deliveries": "id, due_at, state, reason, repeats, failures, put_offs",
    "notifications": (
        "id, state, attempts, reason, unknown_since, next_attempt_at, give_up_at, sent_at, title, words, channel_key"
    ),
    "attempts": "notification_id, number, outcome, reason, receipt, started_at, ended_at, title, words",
}
LAST_OUTCOME = {
    NotificationState.PENDING: Outcome.PUT_OFF,
    NotificationState.SENDING: Outcome.SENDING,
    NotificationState.SENT: Outcome.SENT,
    NotificationState.DEAD: Outcome.DEAD,
    NotificationState.DISMISSED: Outcome.DEAD,
    NotificationState.DROPPED: Outcome.PUT_OFF,
}

Row = tuple[Any, ...]
NotificationAct = Callable[[Transaction, Notification], object]
DeliveryAct = Callable[[Transaction, Delivery], object]


def a_delivery(state: DeliveryState = DeliveryState.KEPT, **facts: Any) -> Delivery:
    """A delivery with a key of its own."""
    delivery_id = uuid4()
    usual: dict[str, Any] = {
        "id": delivery_id,
        "source": "circleci",
        "source_event_id": str(delivery_id),
        "via": Via.WEBHOOK,
        "received_at": NINE,
        "headers": (),
        "body": b"{}",
        "signed": None,
        "state": state,
        "reason": f"reason of a {state} delivery",
    }
    return Delivery(**(usual | facts))


def a_notification(state: NotificationState = NotificationState.PENDING, **facts: Any) -> Notification:
    """A notification after two attempts."""
    usual: dict[str, Any] = {
        "id": uuid4(),
        "event_id": uuid4(),
        "topic": str(uuid4()),
        "route": "r",
        "receiver": "web",
        "channel_key": "k",
        "channel_label": "web (json)",
        "channel_kind": "json",
        "state": state,
        "attempts": 2,
        "created_at": NINE,
        "next_attempt_at": NINE + timedelta(minutes=1),
        "give_up_at": NINE + timedelta(hours=1),
        "reason": f"reason of a {state} notification",
    }
    return Notification(**(usual | facts))


def attempts_at(notification: Notification) -> list[Attempt]:
    """The attempts that led to the state of a notification: all but the last were put off."""

    def attempt(number: int, started_at: datetime, outcome: Outcome) -> Attempt:
        ended_at = None if outcome is Outcome.SENDING else started_at
        return Attempt(
            notification_id=notification.id,
            number=number,
            started_at=started_at,
            ended_at=ended_at,
            outcome=outcome,
            reason=f"reason of attempt {number}",
        )

    last = notification.attempts
    outcomes = [*[Outcome.PUT_OFF] * (last - 1), LAST_OUTCOME[notification.state]] if last else []
    return [attempt(number, NINE + timedelta(seconds=number), one) for number, one in enumerate(outcomes, start=1)]


@dataclass(kw_only=True)
class NeighborRows:
    """A store with rows beside those that a test is about."""

    store: Store
    database: Database

    async def insert(self, *rows: Delivery | Notification) -> None:
        """Write rows as they are, a notification with its attempts."""

        def write(transaction: Transaction) -> None:
            for row in rows:
                if isinstance(row, Delivery):
                    transaction.execute(deliveries.insert(), delivery_row(row))
                    continue
                transaction.execute(notifications.insert(), vars(row))
                for attempt in attempts_at(row):
                    transaction.execute(attempts.insert(), vars(attempt))

        await self.store.write(write)

    async def fill(self) -> None:
        """Write a delivery and a notification in each state."""
        await self.insert(*map(a_delivery, DeliveryState), *map(a_notification, NotificationState))

    async def delivery(self, state: DeliveryState = DeliveryState.KEPT, **facts: Any) -> Delivery:
        """A delivery to act on."""
        delivery = a_delivery(state, **facts)
        await self.insert(delivery)
        return delivery

    async def notification(self, state: NotificationState = NotificationState.PENDING, **facts: Any) -> Notification:
        """A notification to act on, with its attempts."""
        notification = a_notification(state, **facts)
        await self.insert(notification)
        return notification

    def rows(self) -> dict[str, Row]:
        """Every row by its table and key, read past the store."""
        found: dict[str, Row] = {}
        for table, columns in COLUMNS.items():
            for row in self.database.rows(f"SELECT {columns} FROM {table}"):  # noqa: S608 - constants
                key = f"{table} {row[0]}" if table != "attempts" else f"attempts {row[0]} {row[1]}"
                found[key] = row
        return found

    def changed(self, before: dict[str, Row]) -> set[str]:
        """The keys of the rows that were there and differ now, or are gone."""
        now = self.rows()
        return {key for key, row in before.items() if now.get(key) != row}

    @contextmanager
    def unchanged(self, subject: Delivery | Notification | None = None) -> Iterator[None]:
        """Assert that the block changes no row but the subject's and, of its attempts, the last."""
        before = self.rows()
        yield
        assert self.changed(before) <= own_keys(subject)


def own_keys(subject: Delivery | Notification | None) -> set[str]:
    """The keys of the rows that an act on a subject may change."""
    match subject:
        case Delivery():
            return {f"deliveries {subject.id.hex}"}
        case Notification():
            return {f"notifications {subject.id.hex}", f"attempts {subject.id.hex} {subject.attempts}"}
        case _:
            return set()


def last_attempt(notification: Notification) -> Attempt:
    return attempts_at(notification)[-1]
