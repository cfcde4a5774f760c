"""Stored history to play again, and the messages that were sent in it."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, delete, func, literal_column, or_, select, tuple_, update

from service.db.columns import UtcDateTime
from service.db.tables import (
    Transaction,
    actions,
    deliveries,
    events,
    incidents,
    is_unsent,
    metadata,
    notifications,
)
from service.errors import Permanent
from service.model import Action, Delivery, Event, EventKind, Incident, News, Notification, NotificationState
from service.routing.news import REMINDERS
from service.store.incidents.incidents import find_all as find_incidents
from service.store.rows import to_action, to_delivery, to_event, to_notification

FIRST_ID = UUID(int=0)
MAX_REFUSED = 50_000
ACTS_ON_INCIDENTS = ("take", "release", "classify", "mute")
Mark = tuple[datetime, UUID]
"""The place in the history that was reached: when an event was received, and its id."""
_FOLLOWING = REMINDERS | {News.FIXED}
_MESSAGE_COLUMNS = ("id", "event_id", "topic", "route", "receiver", "channel_key", "channel_label")
_GIVEN_UP = (NotificationState.DEAD, NotificationState.DISMISSED)
_WAITING = (NotificationState.PENDING, NotificationState.SENDING)

_IS_PENDING = (is_unsent, notifications.c.state == literal_column("'pending'"))  # as the index says it
_NEXT_DUE_AT = select(func.min(notifications.c.next_attempt_at, type_=UtcDateTime)).where(*_IS_PENDING)
_FIND_DUE = (
    select(notifications)
    .where(*_IS_PENDING, notifications.c.next_attempt_at <= bindparam("until", type_=UtcDateTime))
    .order_by(notifications.c.next_attempt_at, notifications.c.created_at, notifications.c.id)
)
_MARK_SENT = (
    update(notifications)
    .where(
        notifications.c.id == bindparam("wanted"),
        notifications.c.state == NotificationState.PENDING,
        notifications.c.next_attempt_at <= bindparam("now", type_=UtcDateTime),
    )
    .values(state=NotificationState.SENT, sent_at=bindparam("now", type_=UtcDateTime), attempts=1, reason=None)
    .returning(notifications.c.id)
)


@dataclass(frozen=True, kw_only=True)
class Page:
    """The next events of the history, in the order in which they were received.

    They are as they were stored, without their runs.

    mark   where the next page begins; None at the end
    """

    events: Sequence[Event]
    mark: Mark | None


@dataclass(frozen=True, kw_only=True)
class SentMessage:
    """A message that a channel accepted, or refused.

    sent_at     the time at which it was accepted; of one that was refused, of its next attempt
    opened_by   the run that opened its incident, which has the same id in every database
    told        the topics of the news that it tells, if it tells several
    """

    id: UUID
    event_id: UUID | None
    topic: str
    route: str
    receiver: str
    channel_key: str
    channel_label: str
    news: News
    sent_at: datetime
    opened_by: UUID | None
    told: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Return what two databases call this message: its topic and channel.

        The topic of a reminder names the incident, and that of a group its message, whose ids are others in each.
        """
        if self.told:
            return " ".join(self.told), self.channel_key
        if self.news in REMINDERS and self.opened_by:
            parts = self.topic.split(":")
            return ":".join([parts[0], str(self.opened_by), *parts[2:]]), self.channel_key
        return self.topic, self.channel_key


@dataclass(frozen=True, kw_only=True)
class RefusedMessages:
    """The messages that channels did not take, and what was not told therefore.

    keys        those of the messages
    incidents   the runs that opened their incidents, each with a channel
    """

    keys: frozenset[tuple[str, str]] = frozenset()
    incidents: frozenset[tuple[UUID, str]] = frozenset()

    def __contains__(self, one: SentMessage) -> bool:
        """Return whether a message is one of them.

        A channel that took no red hears of no end, and of no reminder.
        """
        follows = one.news in _FOLLOWING and (one.opened_by, one.channel_key) in self.incidents
        return follows or one.key in self.keys


def count(transaction: Transaction, since: datetime, until: datetime, kinds: Collection[EventKind] = ()) -> int:
    """Count the events of a time; only of these kinds, if there are any."""
    wanted = select(func.count()).where(events.c.received_at >= since, events.c.received_at <= until)
    if kinds:
        wanted = wanted.where(events.c.kind.in_(kinds))
    return transaction.execute(wanted).scalar() or 0


def first_received_at(transaction: Transaction) -> datetime | None:
    """Return the time of the oldest event; None without one."""
    found: datetime | None = transaction.execute(select(func.min(events.c.received_at, type_=UtcDateTime))).scalar()
    return found


def read_page(
    transaction: Transaction, mark: Mark, *, until: datetime, kinds: Collection[EventKind], limit: int
) -> Page:
    """Return the events of some kinds after a place, up to a time."""
    wanted = (
        select(events)
        .where(tuple_(events.c.received_at, events.c.id) > mark, events.c.received_at <= until)
        .where(events.c.kind.in_(kinds))
        .order_by(events.c.received_at, events.c.id)
        .limit(limit)
    )
    rows = transaction.execute(wanted).mappings().all()
    next_mark = (rows[-1]["received_at"], rows[-1]["id"]) if len(rows) == limit else None
    return Page(events=[to_event(row) for row in rows], mark=next_mark)


def find_deliveries(transaction: Transaction, event_ids: Sequence[UUID]) -> Sequence[Delivery]:
    """Return the deliveries of events, in this order; damaged ones are left out."""
    rows = transaction.execute(select(deliveries).where(deliveries.c.id.in_(event_ids))).mappings()
    found: dict[UUID, Delivery] = {}
    for row in rows:
        with suppress(Permanent):
            found[row["id"]] = to_delivery(row)
    return [found[event_id] for event_id in event_ids if event_id in found]


def next_due_at(transaction: Transaction) -> datetime | None:
    """Return when the first pending notification is due; None without one."""
    found: datetime | None = transaction.execute(_NEXT_DUE_AT).scalar()
    return found


def find_due(transaction: Transaction, until: datetime) -> Sequence[Notification]:
    """Return the pending notifications that are due up to a time, the first first."""
    return [to_notification(row) for row in transaction.execute(_FIND_DUE, {"until": until}).mappings()]


def postpone(transaction: Transaction, channel_key: str, until: datetime) -> None:
    """Have all that is due on a channel before a time be due then."""
    due = (*_IS_PENDING, notifications.c.channel_key == channel_key, notifications.c.next_attempt_at < until)
    transaction.execute(update(notifications).where(*due).values(next_attempt_at=until))


def mark_sent(transaction: Transaction, notification_id: UUID, now: datetime) -> bool:
    """Record that a channel accepted a notification; False if it is not due any more."""
    return transaction.execute(_MARK_SENT, {"wanted": notification_id, "now": now}).first() is not None


def read_sent(
    transaction: Transaction, span: tuple[datetime, datetime], after: UUID, limit: int
) -> Sequence[SentMessage]:
    """Return messages sent in a time, after an id, in the order of ids.

    News that were told in another message are none; alarms of Roundsman's own are left out.
    """
    rows = _read_messages(transaction, notifications.c.id > after, notifications.c.sent_at.between(*span), limit=limit)
    return _with_topics(transaction, rows)


def read_refused(transaction: Transaction, until: datetime) -> RefusedMessages:
    """Return the messages that were due up to a time, and that no channel took."""
    was_due = or_(notifications.c.attempts > 0, notifications.c.next_attempt_at <= until)
    refused = or_(notifications.c.state.in_(_GIVEN_UP), and_(notifications.c.state.in_(_WAITING), was_due))
    never_sent = (is_unsent, notifications.c.sent_at.is_(None), notifications.c.created_at <= until)
    rows = _read_messages(transaction, *never_sent, refused, limit=MAX_REFUSED)
    found = _with_topics(transaction, rows)
    return RefusedMessages(
        keys=frozenset(one.key for one in found),
        incidents=frozenset((one.opened_by, one.channel_key) for one in found if one.opened_by),
    )


def _read_messages(
    transaction: Transaction, *conditions: ColumnElement[bool], limit: int
) -> Sequence[Mapping[str, Any]]:
    """Return the messages that fulfill conditions, in the order of ids.

    Alarms of Roundsman's own are none.
    """
    columns = [notifications.c[name] for name in (*_MESSAGE_COLUMNS, "news")]
    at = func.coalesce(notifications.c.sent_at, notifications.c.next_attempt_at, type_=UtcDateTime).label("at")
    wanted = (
        select(*columns, at, incidents.c.opened_by)
        .outerjoin(incidents, incidents.c.id == notifications.c.incident_id)
        .where(notifications.c.news != News.OPERATOR, notifications.c.told_in.is_(None), *conditions)
        .order_by(notifications.c.id)
        .limit(limit)
    )
    return [dict(row) for row in transaction.execute(wanted).mappings()]


def _with_topics(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> Sequence[SentMessage]:
    told = _told_in(transaction, [row["id"] for row in rows if row["news"] == News.SUMMARY])
    return [
        SentMessage(
            news=News(row["news"]),
            sent_at=row["at"],
            opened_by=row["opened_by"],
            told=tuple(told[row["id"]]),
            **{name: row[name] for name in _MESSAGE_COLUMNS},
        )
        for row in rows
    ]


def _told_in(transaction: Transaction, ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Return the topics of the news that messages tell, sorted.

    Databases have orders of their own.
    """
    found: dict[UUID, list[str]] = defaultdict(list)
    if ids:
        wanted = select(notifications.c.told_in, notifications.c.topic).where(notifications.c.told_in.in_(ids))
        for row in transaction.execute(wanted):
            found[row.told_in].append(row.topic)
    for topics in found.values():
        topics.sort()
    return found


def read_actions(transaction: Transaction, since: datetime, until: datetime) -> Sequence[tuple[Action, Incident]]:
    """Return acts of people on incidents, oldest first, each with its incident."""
    wanted = (
        select(actions.c.verb, actions.c.subject_id, actions.c.who, actions.c.at, actions.c.reason)
        .where(actions.c.verb.in_(ACTS_ON_INCIDENTS), actions.c.at.between(since, until))
        .order_by(actions.c.at)
    )
    found = [to_action(row) for row in transaction.execute(wanted).mappings()]
    known = find_incidents(transaction, {one.subject_id for one in found})
    return [(one, known[one.subject_id]) for one in found if one.subject_id in known]


def empty(transaction: Transaction) -> None:
    """Delete all rows of a database that was made for a simulation."""
    for table in reversed(metadata.sorted_tables):
        transaction.execute(delete(table))
