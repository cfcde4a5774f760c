"""Alarms as rows, and the facts that they are found by."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, text, update

from service.db.tables import Transaction, alarms, attempts, is_unsent, notifications
from service.model import Alarm, AlarmKind, News
from service.store.deliveries.dead_counts import count_dead_letters
from service.store.newer_values import to_member
from service.store.rows import INSERTS, Row

_RECENT = 200  # messages of a channel that are looked at for one that it accepted


@dataclass(frozen=True, kw_only=True)
class FailingChannel:
    """A channel with messages that it did not accept.

    since    the begin of the first attempt at the oldest of them
    """

    key: str
    label: str
    since: datetime
    messages: int


def find_all(transaction: Transaction) -> Sequence[Alarm]:
    """Return the alarms that have not ended, in the order of their keys."""
    rows = transaction.execute(select(alarms).order_by(alarms.c.key)).mappings()
    return [_to_alarm(row) for row in rows]


def count_by_kind(transaction: Transaction) -> dict[str, int]:
    """Count the alarms that have not ended, by kind."""
    counted = select(alarms.c.kind, func.count()).group_by(alarms.c.kind)
    return {kind.value: 0 for kind in AlarmKind} | {str(kind): count for kind, count in transaction.execute(counted)}


def begin(transaction: Transaction, alarm: Alarm) -> bool:
    """Keep an alarm; False if it is there already."""
    inserting = INSERTS[transaction.dialect.name](alarms).on_conflict_do_nothing().returning(alarms.c.key)
    return transaction.execute(inserting, vars(alarm)).first() is not None


def mark_seen(transaction: Transaction, keys: Collection[str], now: datetime) -> None:
    """Note that alarms are still so."""
    transaction.execute(update(alarms).where(alarms.c.key.in_(keys)).values(seen_at=now))


def end(transaction: Transaction, key: str) -> bool:
    """Delete an alarm that has ended; False if another did."""
    ending = delete(alarms).where(alarms.c.key == key).returning(alarms.c.key)
    return transaction.execute(ending).first() is not None


def count_dead(transaction: Transaction) -> dict[str, int]:
    """Count the dead letters by kind.

    Those of alarms are left out: they would raise the next alarm.
    """
    counts = count_dead_letters(transaction)
    own = select(func.count()).where(text("state = 'dead'"), is_unsent, notifications.c.news == News.OPERATOR)
    counts["notification"] -= transaction.execute(own).scalar_one()
    return counts


def failing_channels(transaction: Transaction, *, before: datetime) -> Sequence[FailingChannel]:
    """Return the channels that accepted nothing since a failure before a time."""
    first = func.min(attempts.c.started_at)
    failing = (
        select(notifications.c.channel_key, func.max(notifications.c.channel_label), first, func.count())
        .join(attempts, (attempts.c.notification_id == notifications.c.id) & (attempts.c.number == 1))
        .where(text("notifications.state IN ('pending', 'sending', 'dead')"), is_unsent)
        .where(notifications.c.sent_at.is_(None), notifications.c.reason.is_not(None))
        .group_by(notifications.c.channel_key)
        .having(first <= before)
        .order_by(notifications.c.channel_key)
    )
    found = [
        FailingChannel(key=key, label=label, since=since, messages=count)
        for key, label, since, count in transaction.execute(failing)
    ]
    return [one for one in found if not _has_accepted(transaction, one)]


def _has_accepted(transaction: Transaction, channel: FailingChannel) -> bool:
    newest = (
        select(notifications.c.channel_key, notifications.c.sent_at)
        .where(notifications.c.channel_label == channel.label)
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(_RECENT)
    )
    return any(
        key == channel.key and sent_at is not None and sent_at >= channel.since
        for key, sent_at in transaction.execute(newest)
    )


def _to_alarm(row: Row) -> Alarm:
    return Alarm(**{**row, "kind": to_member(AlarmKind, row["kind"])})
