"""Pruning: an old event is deleted with everything that belongs to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Uuid, delete, literal, select, tuple_

from service.db.columns import UtcDateTime
from service.db.tables import (
    Transaction,
    actions,
    attempts,
    decisions,
    deliveries,
    details,
    events,
    fetches,
    is_unsettled,
    notifications,
)
from service.model import DeliveryState, NotificationState
from service.store.audit import seals
from service.store.audit.seal_removals import seal_removal
from service.store.events import routes_versions
from service.store.runs import runs
from service.store.search import names, search_terms

JUDGED = (DeliveryState.SETTLED, DeliveryState.DISMISSED)
DONE = (NotificationState.SENT, NotificationState.DISMISSED, NotificationState.DROPPED)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The place that a pass through the oldest events has reached."""

    received_at: datetime
    event_id: UUID


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """The number of deleted events, and the place to go on; no ``mark`` at the end."""

    count: int
    mark: Mark | None


def prune(transaction: Transaction, *, before: datetime, beyond: Mark | None, limit: int, now: datetime) -> Pruned:
    """Delete, of the ``limit`` oldest events after a mark, those from before a time.

    What waits for a person, or for us, stays: a delivery not judged or not understood, a notification not sent. What is
    deleted, the audit chain says; its lock comes before those of rows.
    """
    seals.lock(transaction)
    old = _oldest(transaction, before=before, beyond=beyond, limit=limit)
    if not old:
        names.forget(transaction, before=before)
        routes_versions.forget(transaction, before=before, now=now)
        return Pruned(count=0, mark=None)
    forgotten = _forget_settled(transaction, [mark.event_id for mark in old], _Times(before=before, now=now))
    return Pruned(count=forgotten, mark=old[-1])


@dataclass(frozen=True, kw_only=True)
class _Times:
    """The time before which rows are old, and the present one, for the audit chain."""

    before: datetime
    now: datetime


def prune_dismissed(transaction: Transaction, *, before: datetime, limit: int, now: datetime) -> int:
    """Delete dismissed deliveries from before a time; return their number."""
    seals.lock(transaction)
    became_none = ~select(events.c.id).where(events.c.id == deliveries.c.id).exists()
    put_away = (
        select(deliveries.c.id)
        .where(
            deliveries.c.state == DeliveryState.DISMISSED, is_unsettled, deliveries.c.received_at < before, became_none
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    delivery_ids = transaction.execute(put_away).scalars().all()
    _forget(transaction, delivery_ids, [], _Times(before=before, now=now))
    return len(delivery_ids)


def prune_own(transaction: Transaction, *, before: datetime, limit: int, now: datetime) -> int:
    """Delete old finished notifications about no event; return their number."""
    seals.lock(transaction)
    old = (
        select(notifications.c.id)
        .where(notifications.c.event_id.is_(None), notifications.c.created_at < before, notifications.c.state.in_(DONE))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    message_ids = transaction.execute(old).scalars().all()
    _forget(transaction, [], message_ids, _Times(before=before, now=now))
    return len(message_ids)


def _oldest(transaction: Transaction, *, before: datetime, beyond: Mark | None, limit: int) -> Sequence[Mark]:
    place = (events.c.received_at, events.c.id)
    oldest = select(*place).where(events.c.received_at < before).order_by(*place).limit(limit)
    if beyond is not None:
        mark = (literal(beyond.received_at, UtcDateTime), literal(beyond.event_id, Uuid))
        oldest = oldest.where(tuple_(*place) > tuple_(*mark))
    return [Mark(received_at=at, event_id=event_id) for at, event_id in transaction.execute(oldest)]


def _forget_settled(transaction: Transaction, event_ids: Sequence[UUID], times: _Times) -> int:
    """Forget those of which nothing is owed to anybody.

    Until that is done their rows are held: a replay or resend waits, and then finds them gone.
    """
    judged = (
        select(deliveries.c.id)
        .where(deliveries.c.id.in_(event_ids), deliveries.c.state.in_(JUDGED))
        .with_for_update(skip_locked=True)
    )
    judged_ids = transaction.execute(judged).scalars().all()
    told = (
        select(notifications.c.id, notifications.c.event_id, notifications.c.state)
        .where(notifications.c.event_id.in_(judged_ids))
        .with_for_update()
    )
    messages = transaction.execute(told).all()
    owed = {message.event_id for message in messages if message.state not in DONE}
    settled = [event_id for event_id in judged_ids if event_id not in owed]
    _forget(transaction, settled, [message.id for message in messages if message.event_id not in owed], times)
    return len(settled)


def _forget(transaction: Transaction, event_ids: Sequence[UUID], message_ids: Sequence[UUID], times: _Times) -> None:
    sealed = (
        (actions.c.subject_id, [*event_ids, *message_ids]),
        (attempts.c.notification_id, message_ids),
        (decisions.c.event_id, event_ids),
        (deliveries.c.id, event_ids),
    )
    seal_removal(transaction, sealed, before=times.before, now=times.now)
    search_terms.forget(transaction, event_ids)
    runs.forget(transaction, event_ids)
    for column, ids in (
        (actions.c.subject_id, [*event_ids, *message_ids]),
        (attempts.c.notification_id, message_ids),
        (notifications.c.id, message_ids),
        (decisions.c.event_id, event_ids),
        (details.c.event_id, event_ids),
        (fetches.c.event_id, event_ids),
        (events.c.id, event_ids),
        (deliveries.c.id, event_ids),
    ):
        transaction.execute(delete(column.table).where(column.in_(ids)))
