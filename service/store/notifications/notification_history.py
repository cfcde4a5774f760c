"""The events of past notifications, newest first, in bounded steps."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_

from service.db.tables import Transaction, notifications
from service.model import Event, NotificationState
from service.store.cursors import SortKey
from service.store.events import events

MAX_NOTIFICATIONS = 20_000
STEP = 500


@dataclass(frozen=True, kw_only=True)
class HistoryStep:
    """The events of some notifications, each with its number of them.

    oldest    the time at which the oldest of these notifications was planned
    is_last   there are none before it
    """

    events: Sequence[tuple[Event, int]]
    oldest: datetime
    is_last: bool


def walk(transaction: Transaction, *, since: datetime, limit: int = MAX_NOTIFICATIONS) -> Iterator[HistoryStep]:
    """Yield steps through the notifications planned since a time, newest first.

    Those that were dropped are passed over.

    limit   the number of notifications that are read, in steps
    """
    beyond: SortKey | None = None
    size = min(STEP, limit)
    at, key = notifications.c.created_at, notifications.c.id
    newest_first = (
        select(at, key, notifications.c.event_id)
        .where(at >= since, notifications.c.state != NotificationState.DROPPED)
        .order_by(at.desc(), key.desc())
        .limit(size)
    )
    for _ in range(0, limit, size):
        rows = transaction.execute(newest_first if beyond is None else newest_first.where(tuple_(at, key) < beyond.sql))
        found = rows.all()
        if not found:
            return
        counts = Counter(row.event_id for row in found if row.event_id)
        their = events.find_all(transaction, counts)
        beyond = SortKey(at=found[-1].created_at, id=found[-1].id)
        yield HistoryStep(
            events=[(their[event_id], count) for event_id, count in counts.items() if event_id in their],
            oldest=beyond.at,
            is_last=len(found) < size,
        )
