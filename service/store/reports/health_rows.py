"""The rows that the page of health is made of: few, and read by indexes."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text

from service.db.tables import (
    Transaction,
    decisions,
    deliveries,
    events,
    heartbeats,
    is_unsent,
    is_unsettled,
    notifications,
    tracks,
)
from service.model import NotificationState, Verdict
from service.store.events import routes_versions
from service.store.events.verdicts import read_verdicts
from service.store.search.places import first_place

MAX_JUDGED = 5_000
"""The newest events whose decisions are looked at: more would take longer than a page may."""
MAX_COUNTED = 1_000  # messages of a channel


@dataclass(frozen=True, kw_only=True)
class ChannelFacts:
    """The facts of a channel: its last message, and how many since a time.

    told   at most MAX_COUNTED
    """

    last_told_at: datetime | None
    told: int
    dead: int


@dataclass(frozen=True, kw_only=True)
class RouteCounts:
    """The verdicts of routes on the newest events, by the name of the route.

    events       the number of events that were looked at
    is_partial   there were more
    """

    verdicts: Mapping[str, Counter[Verdict]]
    events: int
    is_partial: bool


def database_bytes(transaction: Transaction) -> int:
    """Return the size of the database."""
    if transaction.dialect.name == "sqlite":
        pages, size = (
            transaction.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size")
        )
        return int(pages) * int(size)
    return int(transaction.execute(select(func.pg_database_size(func.current_database()))).scalar_one())


def last_accepted(transaction: Transaction) -> datetime | None:
    """Return the time of the last post that was accepted; None before the first."""
    judged: datetime | None = transaction.execute(select(func.max(events.c.received_at))).scalar()
    newest = select(func.max(deliveries.c.received_at)).where(is_unsettled)
    waiting: datetime | None = transaction.execute(newest).scalar()
    return max((one for one in (judged, waiting) if one is not None), default=None)


def processes(transaction: Transaction, *, since: datetime) -> Sequence[tuple[str, datetime]]:
    """Return the roles and last heartbeats of the processes alive since a time."""
    alive = (
        select(heartbeats.c.role, heartbeats.c.beat_at)
        .where(heartbeats.c.beat_at >= since)
        .order_by(heartbeats.c.role, heartbeats.c.beat_at.desc())
    )
    return [(row.role, row.beat_at) for row in transaction.execute(alive)]


def channel_facts(transaction: Transaction, labels: Collection[str], *, since: datetime) -> Mapping[str, ChannelFacts]:
    """Return the facts of channels by their labels."""
    counting = (
        select(notifications.c.channel_label, func.count().label("dead"))
        .where(text("state = 'dead'"), is_unsent)
        .group_by(notifications.c.channel_label)
    )
    dead = {row.channel_label: int(row.dead) for row in transaction.execute(counting)}
    return {
        label: ChannelFacts(
            last_told_at=_last_told(transaction, label),
            told=_count_told(transaction, label, since),
            dead=dead.get(label, 0),
        )
        for label in labels
    }


def _last_told(transaction: Transaction, label: str) -> datetime | None:
    newest = (
        select(notifications.c.sent_at)
        .where(notifications.c.channel_label == label, notifications.c.state == NotificationState.SENT)
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(1)
    )
    found: datetime | None = transaction.execute(newest).scalar()
    return found


def _count_told(transaction: Transaction, label: str, since: datetime) -> int:
    some = (
        select(notifications.c.id)
        .where(notifications.c.channel_label == label, notifications.c.created_at >= since)
        .where(notifications.c.sent_at.is_not(None))
        .limit(MAX_COUNTED)
    )
    return int(transaction.execute(select(func.count()).select_from(some.subquery())).scalar_one())


def last_runs(transaction: Transaction) -> Mapping[str, datetime]:
    """Return the time of the last run of each project, by its slug."""
    newest = (
        select(tracks.c.project_slug, func.max(tracks.c.last_at).label("at"))
        .where(tracks.c.project_slug.is_not(None), tracks.c.last_at.is_not(None))
        .group_by(tracks.c.project_slug)
    )
    return {row.project_slug: row.at for row in transaction.execute(newest)}


def route_counts(transaction: Transaction, *, since: datetime, limit: int = MAX_JUDGED) -> RouteCounts:
    """Return the last verdicts of routes on the newest events since a time."""
    newest = (
        select(events.c.id, events.c.place)
        .where(events.c.place >= first_place(since))
        .order_by(events.c.place.desc())
        .limit(limit + 1)
        .subquery()
    )
    judged = (
        select(newest.c.place, decisions.c.routes_version, decisions.c.verdicts)
        .join(decisions, decisions.c.event_id == newest.c.id)
        .order_by(newest.c.place.desc(), decisions.c.round)
    )
    # by place: to make the ids of so many events takes longer than to find them
    last = {place: (version, verdicts) for place, version, verdicts in transaction.execute(judged).all()}
    alike = Counter(list(last.values())[:limit])
    names = routes_versions.names_of(transaction, {version for version, _ in alike if version is not None})
    found: dict[str, Counter[Verdict]] = {}
    for (version, verdicts), count in alike.items():
        for position, verdict in read_verdicts(verdicts).items():
            if version in names and position < len(names[version]):
                found.setdefault(names[version][position], Counter())[verdict] += count
    return RouteCounts(verdicts=found, events=sum(alike.values()), is_partial=len(last) > limit)
