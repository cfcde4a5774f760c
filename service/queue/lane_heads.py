"""The heads of lanes: only one of the messages that wait in each is in the engine.

The others wait as rows. Each transaction that plans, releases or ends a message sets the head of its lane anew; a lock
on the lane makes these transactions take turns, so that no lane is left without a head, and none gets two.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    ScalarSelect,
    String,
    bindparam,
    func,
    literal_column,
    select,
    text,
)

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, is_unsent, notifications
from service.model import Backlog, LaneHead, Notification, NotificationState
from service.queue import lanes
from service.store.rows import to_notification

LANE: ColumnElement[str] = func.coalesce(notifications.c.server_lane, notifications.c.channel_key)
# as literals: SQLite infers from nothing else that the index of the lanes has such rows
_PENDING: ColumnElement[str] = literal_column("'pending'")
_SENDING: ColumnElement[str] = literal_column("'sending'")
_IS_IN_LANE: ColumnElement[bool] = bindparam("lane", type_=String) == LANE
_LOCKING = text("SELECT pg_advisory_xact_lock(hashtextextended(:lane, 0))")


def lock(transaction: Transaction, lane: str) -> None:
    """Lock a lane until the transaction ends; several in the order of their names.

    On SQLite there is one writer at a time, and no need.
    """
    if transaction.dialect.name == "postgresql":
        transaction.execute(_LOCKING, {"lane": lane}).close()


def find(transaction: Transaction, lane: str, now: datetime) -> LaneHead | None:
    """Return the head of a lane; None if nothing waits in it.

    A message that is being sent comes first, then the oldest that is due once the lane is open, then the next to be
    due. So a message whose channel asked for a pause is again the first after it.
    """
    found = transaction.execute(_HEAD, lanes.asked_at(lane, now)).first()
    if found is None:
        return None
    is_alone = found.state == NotificationState.SENDING and transaction.dialect.name == "sqlite"
    due_at = now if is_alone else found.next_attempt_at  # the only process knows by itself what it is sending
    return LaneHead(subject_id=found.id, due_at=due_at, opens_at=found.opens_at)


def find_next(transaction: Transaction, lane: str, now: datetime, *, under_way: UUID) -> Notification | None:
    """Return the first message that is due in a lane; None if the lane is closed.

    under_way   the message that is being sent there; None is returned if another one is too
    """
    asked = {**lanes.asked_at(lane, now), "under_way": under_way}
    found = transaction.execute(_NEXT, asked).mappings().first()
    return None if found is None else to_notification(found)


def _first(state: ColumnElement[str], order: Column[datetime], *conditions: ColumnElement[bool]) -> ScalarSelect[UUID]:
    """Return the query for the first message of a lane in a state."""
    return (
        select(notifications.c.id)
        .where(_IS_IN_LANE, notifications.c.state == state, *conditions)
        .order_by(order, notifications.c.id)
        .limit(1)
        .correlate(None)
        .scalar_subquery()
    )


_OPENS_AT = lanes.OPENS_AT.scalar_subquery()
_DUE_BY = func.coalesce(_OPENS_AT, bindparam("now", type_=UtcDateTime), type_=UtcDateTime)
_HEAD = select(
    notifications.c.id, notifications.c.state, notifications.c.next_attempt_at, _OPENS_AT.label("opens_at")
).where(
    notifications.c.id
    == func.coalesce(  # which looks for the next only if there is none before
        _first(_SENDING, notifications.c.next_attempt_at),
        _first(_PENDING, notifications.c.created_at, notifications.c.next_attempt_at <= _DUE_BY),
        _first(_PENDING, notifications.c.next_attempt_at),
    )
)

_IS_SENDING_ANOTHER = select(notifications.c.id).where(
    _IS_IN_LANE, notifications.c.state == _SENDING, notifications.c.id != bindparam("under_way")
)
_NEXT = select(notifications).where(
    notifications.c.id
    == _first(
        _PENDING, notifications.c.created_at, notifications.c.next_attempt_at <= bindparam("now", type_=UtcDateTime)
    ),
    ~_IS_SENDING_ANOTHER.correlate(None).exists(),
    ~lanes.OPENS_AT.exists(),
)

# each lane with a message that waits: found one after the other by an index, however many messages each has
_LANES = """
WITH RECURSIVE lane (name) AS (
    SELECT min(coalesce(server_lane, channel_key)) FROM notifications WHERE (state = 'pending' OR state = 'sending')
    UNION ALL SELECT (
        SELECT min(coalesce(server_lane, channel_key)) FROM notifications
        WHERE (state = 'pending' OR state = 'sending') AND coalesce(server_lane, channel_key) > name
    ) FROM lane WHERE name IS NOT NULL
)
SELECT name FROM lane WHERE name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {job}) ORDER BY name
"""
_HEADLESS = {
    "sqlite": text(_LANES.format(job="jobs WHERE lane = name")),
    "postgresql": text(_LANES.format(job="procrastinate_jobs WHERE lock = name AND status IN ('todo', 'doing')")),
}


def find_headless(transaction: Transaction) -> Collection[str]:
    """Return the lanes in which messages wait and that have no job, in order."""
    return transaction.execute(_HEADLESS[transaction.dialect.name]).scalars().all()


def backlog(transaction: Transaction, now: datetime) -> Backlog:
    """Count the messages that are due in open lanes or under way.

    The age is that of the oldest of all lanes.
    """
    is_due = (is_unsent, notifications.c.state == _PENDING, notifications.c.next_attempt_at <= now)
    counting = select(
        func.count().filter(~lanes.is_closed(LANE, now)), func.min(notifications.c.next_attempt_at)
    ).where(*is_due)
    under_way = select(func.count()).where(is_unsent, notifications.c.state == _SENDING)
    depth, oldest = transaction.execute(counting).one()
    return Backlog(
        depth=depth + (transaction.execute(under_way).scalar() or 0),
        oldest_age_s=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
    )
