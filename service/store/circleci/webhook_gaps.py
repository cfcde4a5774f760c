"""The gaps in CircleCI's webhooks, by what is on record."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from service.db.tables import Transaction, events, runs
from service.model import EventKind, Via
from service.model.reconciling import WebhookGaps
from service.store.circleci import reconciling
from service.store.search.places import first_place

DAY = timedelta(days=1)
NEWEST = 500  # posts whose delay is looked at
_POSTS = (
    select(events.c.via, events.c.kind, events.c.happened_at, events.c.received_at)
    .order_by(events.c.place.desc())
    .limit(NEWEST)
    .subquery()
)
# most posts may be of jobs: their times need not be read
_DELAYED = select(_POSTS.c.happened_at, _POSTS.c.received_at).where(
    _POSTS.c.via == Via.WEBHOOK, _POSTS.c.kind == EventKind.WORKFLOW_COMPLETED
)


def read_gaps(transaction: Transaction, now: datetime) -> WebhookGaps:
    """Return the gaps of the last day."""
    told = _told(transaction, now - DAY)
    missed = told.get(Via.RECONCILE, 0)
    delays, due_since = _delays(transaction), reconciling.oldest_due(transaction, now)
    return WebhookGaps(
        runs=sum(told.values()),
        missed=missed,
        late=max(_reconciled(transaction, now - DAY) - missed, 0),
        delay_s=_quantile(delays, 0.5),
        delay_95_s=_quantile(delays, 0.95),
        waiting=reconciling.count_due(transaction, now),
        behind_s=(now - due_since).total_seconds() if due_since else 0.0,
        checked_until=reconciling.oldest_check(transaction),
    )


def _told(transaction: Transaction, since: datetime) -> dict[Via, int]:
    """Count the runs that ended since a time, by the way on which we know them."""
    counting = (
        select(events.c.via, func.count())
        .join(runs, runs.c.event_id == events.c.id)
        .where(runs.c.stopped_at >= since)
        .group_by(events.c.via)
    )
    return {Via(via): count for via, count in transaction.execute(counting)}


def _reconciled(transaction: Transaction, since: datetime) -> int:
    counting = select(func.count()).where(
        events.c.place >= first_place(since),
        events.c.via == Via.RECONCILE,
        events.c.kind == EventKind.WORKFLOW_COMPLETED,
    )
    return transaction.execute(counting).scalar() or 0


def _delays(transaction: Transaction) -> list[float]:
    """Return the seconds from the end of workflows to the receipt of their webhooks."""
    return sorted(
        max((received_at - happened_at).total_seconds(), 0.0)
        for happened_at, received_at in transaction.execute(_DELAYED).all()
    )


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1) if ordered else None
