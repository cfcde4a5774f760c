"""Notifications and their attempts: whom we owe word, and each try at giving it."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Update,
    and_,
    bindparam,
    delete,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, attempts, is_unsent, notifications
from service.errors import NotFound
from service.model import Attempt, Message, Notification, NotificationState, Outcome
from service.store.bulk import BulkInsert
from service.store.cursors import SortKey
from service.store.notifications import send_statements
from service.store.rows import to_attempt, to_notification
from service.store.search.names import cut_for_index

PENDING, SENDING, SENT, DEAD, DISMISSED, DROPPED = NotificationState
INTERRUPTED_REASON = send_statements.INTERRUPTED_REASON

_KEY = tuple_(notifications.c.topic, notifications.c.channel_key)
_NEW_COLUMNS = [column.name for column in notifications.c if column.name != "unknown_since"]
_INSERT = BulkInsert(notifications, "ON CONFLICT DO NOTHING", columns=_NEW_COLUMNS)
_FIND_BY_KEYS = select(notifications).where(_KEY.in_(bindparam("keys", expanding=True)))
_IS_UNFINISHED = and_(
    notifications.c.track_id.is_not(None),
    or_(*(notifications.c.state == literal_column(f"'{state}'") for state in (PENDING, SENDING))),
)
_OF_TOPICS = (
    select(notifications)
    .where(notifications.c.topic.in_(bindparam("topics", expanding=True)))
    .order_by(notifications.c.created_at)
)
_FIND_UNFINISHED = (
    select(notifications)
    .where(notifications.c.track_id.in_(bindparam("track_ids", expanding=True)), _IS_UNFINISHED)
    .order_by(notifications.c.created_at, notifications.c.id)
)


def insert_or_get(transaction: Transaction, wanted: Sequence[Notification]) -> list[Notification | None]:
    """Insert notifications; return the earlier one of each, or None.

    The earlier one is of the same topic and channel.

    Of two that differ in their id alone the first is inserted.
    """
    if not wanted:
        return []
    # in the order of the key: two workers that tell of the same news must not wait for each other crosswise
    rows = [_to_row(one) for one in sorted(wanted, key=lambda one: (one.topic, one.channel_key))]
    if _INSERT(transaction, rows) == len(rows):
        return [None] * len(rows)
    keys = {(one.topic, one.channel_key) for one in wanted}
    found = [to_notification(row) for row in transaction.execute(_FIND_BY_KEYS, {"keys": list(keys)}).mappings()]
    by_key = {(one.topic, one.channel_key): one for one in found}
    there = [by_key[one.topic, one.channel_key] for one in wanted]
    return [None if before.id == one.id else before for before, one in zip(there, wanted, strict=True)]


def insert(transaction: Transaction, wanted: Sequence[Notification]) -> list[Notification]:
    """Insert notifications; return those of whose topic the channel had none."""
    existing = insert_or_get(transaction, wanted)
    return [one for one, before in zip(wanted, existing, strict=True) if before is None]


def _to_row(new: Notification) -> dict[str, object]:
    keys = {"project_slug": cut_for_index(new.project_slug), "project_name": cut_for_index(new.project_name)}
    return vars(new) | keys


def find(transaction: Transaction, notification_id: UUID) -> Notification:
    """The notification. Raises NotFound."""
    found = transaction.execute(send_statements.FIND, {"own_id": notification_id}).mappings().first()
    if found is None:
        raise NotFound(f"there is no notification {notification_id}")
    return to_notification(found)


def of_events(transaction: Transaction, event_ids: Collection[UUID]) -> Sequence[Notification]:
    """The notifications of these events, oldest first."""
    found = transaction.execute(send_statements.OF_EVENTS, {"event_ids": list(event_ids)})
    return [to_notification(row) for row in found.mappings()]


def of_topics(transaction: Transaction, topics: Collection[str]) -> Sequence[Notification]:
    """Return the notifications of these topics, oldest first, of whichever event."""
    found = transaction.execute(_OF_TOPICS, {"topics": list(topics)})
    return [to_notification(row) for row in found.mappings()]


def unfinished_of_tracks(transaction: Transaction, track_ids: Collection[int]) -> Sequence[Notification]:
    """Return the unfinished notifications about these tracks, oldest first."""
    if not track_ids:
        return []
    found = transaction.execute(_FIND_UNFINISHED, {"track_ids": list(track_ids)})
    return [to_notification(row) for row in found.mappings()]


def lock_unfinished(transaction: Transaction, track_ids: Collection[int], *, channel_key: str | None = None) -> None:
    """Hold the unfinished notifications about tracks until the transaction ends.

    channel_key   only those of one channel

    Two workers change several of one track at once: one begins to send, the other plans what takes their place. Each
    locks all that it may change first, the oldest first, so that they do not wait for each other crosswise.
    """
    if transaction.dialect.name == "sqlite" or not track_ids:
        return  # there one transaction writes at a time
    locking = select(notifications.c.id).where(notifications.c.track_id.in_(track_ids), _IS_UNFINISHED)
    if channel_key is not None:
        locking = locking.where(notifications.c.channel_key == channel_key)
    oldest_first = locking.order_by(notifications.c.created_at, notifications.c.id)
    transaction.execute(oldest_first.with_for_update(key_share=True)).all()


def drop(transaction: Transaction, notification_ids: Collection[UUID], *, reason: str) -> set[UUID]:
    """Drop notifications that are no longer news.

    Returns the ids of those that were still pending.
    """
    if not notification_ids:
        return set()
    dropping = (
        update(notifications)
        .where(notifications.c.id.in_(notification_ids), notifications.c.state == PENDING)
        .values(state=DROPPED, reason=reason)
        .returning(notifications.c.id)
    )
    return set(transaction.execute(dropping).scalars())


def count(transaction: Transaction, *states: NotificationState) -> int:
    """Count the notifications in any of these states."""
    counting = select(func.count()).where(notifications.c.state.in_(states))
    if SENT not in states:
        counting = counting.where(is_unsent)
    return transaction.execute(counting).scalar() or 0


def find_dead(
    transaction: Transaction, *, limit: int, dismissed: bool = False, beyond: SortKey | None = None
) -> Sequence[Notification]:
    """Return dead notifications, or dismissed ones if so asked, newest first.

    beyond   only those after this place of the list, which goes by ``next_attempt_at``: when each was given up
    """
    waiting = (
        select(notifications)
        .where(notifications.c.state == (DISMISSED if dismissed else DEAD), is_unsent)
        .order_by(notifications.c.next_attempt_at.desc(), notifications.c.id.desc())
        .limit(limit)
    )
    if beyond is not None:
        waiting = waiting.where(tuple_(notifications.c.next_attempt_at, notifications.c.id) < beyond.sql)
    return [to_notification(row) for row in transaction.execute(waiting).mappings()]


def note_unknown_channel(transaction: Transaction, notification_id: UUID, now: datetime) -> datetime | None:
    """Note a worker without the channel; return since when none had it.

    None if there is nothing to send.
    """
    since = func.coalesce(notifications.c.unknown_since, now, type_=UtcDateTime)
    noting = (
        update(notifications)
        .where(notifications.c.id == notification_id, notifications.c.state == PENDING)
        .values(unknown_since=since)
        .returning(notifications.c.unknown_since)
    )
    noted: datetime | None = transaction.execute(noting).scalar()
    return noted


def postpone_unknown(transaction: Transaction, notification: Notification, *, again_at: datetime, reason: str) -> None:
    """Postpone a notification without an attempt; the time for its channel is kept."""
    waits = max(timedelta(), again_at - notification.next_attempt_at)
    waiting = update(notifications).where(notifications.c.id == notification.id, notifications.c.state == PENDING)
    new = {"next_attempt_at": again_at, "give_up_at": notification.give_up_at + waits, "reason": reason}
    transaction.execute(waiting.values(**new))


def begin_attempt(
    transaction: Transaction, notification_id: UUID, at: datetime, *, until: datetime | None = None
) -> Attempt | None:
    """Record the next attempt before the send; None if there is nothing to send.

    The state is changed only from ``pending``: of two workers one gets the attempt, the other gets None.

    until   the attempt counts as under way until then; default: another may take over at once
    """
    number = transaction.execute(send_statements.BEGIN, {"own_id": notification_id, "until": until or at}).scalar()
    if number is None:
        return None
    attempt = Attempt(notification_id=notification_id, number=number, started_at=at)
    transaction.execute(send_statements.INSERT_ATTEMPT, vars(attempt))
    return attempt


def is_due(transaction: Transaction, notification: Notification, now: datetime) -> bool:
    """Return whether the time of the next attempt has come.

    now   counts on SQLite; on Postgres the server's clock does, by which its job became due
    """
    if transaction.dialect.name == "sqlite":
        return notification.next_attempt_at <= now
    return bool(transaction.execute(send_statements.IS_DUE_NOW, {"own_id": notification.id}).scalar())


def release(transaction: Transaction, notification_ids: Collection[UUID], now: datetime) -> None:
    """End the wait for details of notifications without an attempt: they are due now.

    Those that wait for something else go on waiting.

    On Postgres also by the server's clock, where this process's is ahead of it.
    """
    releasing = send_statements.RELEASE_BY if transaction.dialect.name == "sqlite" else send_statements.RELEASE_NOW
    transaction.execute(releasing, {"notification_ids": list(notification_ids), "now": now})


def open_attempt_begun_at(transaction: Transaction, notification_id: UUID) -> datetime | None:
    """Return the time at which the attempt under way began; None if there is none."""
    is_open = (attempts.c.notification_id == notification_id, attempts.c.outcome == Outcome.SENDING)
    found: datetime | None = transaction.execute(select(attempts.c.started_at).where(*is_open)).scalar()
    return found


def withdraw_attempt(transaction: Transaction, notification_id: UUID) -> None:
    """Delete the attempt under way: nothing was sent, and it does not count."""
    is_open = (attempts.c.notification_id == notification_id, attempts.c.outcome == Outcome.SENDING)
    transaction.execute(delete(attempts).where(*is_open))
    is_sending = (notifications.c.id == notification_id, notifications.c.state == SENDING)
    back = update(notifications).where(*is_sending).values(state=PENDING, attempts=notifications.c.attempts - 1)
    transaction.execute(back)


def block_until(transaction: Transaction, attempt: Attempt, *, until: datetime) -> bool:
    """Block further attempts until a time; False if this attempt is not under way."""
    return _finish_sending(transaction, attempt, next_attempt_at=until)


def record_sent(transaction: Transaction, attempt: Attempt, *, message: Message, receipt: str, at: datetime) -> bool:
    """Record a success; the message too, if it is not that of the attempt before.

    Who was told once stays told since then. Returns False if the notification is another attempt's by now, or an
    operator's: then only the attempt is a success.
    """
    own = {"own_id": attempt.notification_id, "attempt": attempt.number, "at": at}
    said = {"new_title": message.title, "new_words": message.text}
    before = transaction.execute(send_statements.SET_SENT_AT, own).first()
    is_new = before is not None and (before.title, before.words) != tuple(said.values())
    if is_new:
        transaction.execute(send_statements.END_NEWLY_SENT, {**own, **said, "new_receipt": receipt})
    else:
        transaction.execute(send_statements.END_SENT, {**own, "new_receipt": receipt})
    return transaction.execute(send_statements.END_SENDING, {**own, **said}).first() is not None


def record_put_off(
    transaction: Transaction, attempt: Attempt, *, reason: str, at: datetime, again_at: datetime
) -> bool:
    """Record a failure and the next attempt's time; False if another replaced it."""
    if not _finish_sending(transaction, attempt, state=PENDING, reason=reason, next_attempt_at=again_at):
        return False
    _end_attempt(transaction, attempt, outcome=Outcome.PUT_OFF, reason=reason, ended_at=at)
    return True


def extend_deadline(transaction: Transaction, notification_id: UUID, at: datetime) -> None:
    """Move the time at which a notification is given up to a later one; never earlier."""
    later = update(notifications).where(notifications.c.id == notification_id, notifications.c.give_up_at < at)
    transaction.execute(later.values(give_up_at=at))


def record_dead(transaction: Transaction, attempt: Attempt, *, reason: str, at: datetime) -> bool:
    """Record a failure for good: a dead letter; False if another attempt replaced it."""
    if not _finish_sending(transaction, attempt, state=DEAD, reason=reason, next_attempt_at=at):
        return False
    _end_attempt(transaction, attempt, outcome=Outcome.DEAD, reason=reason, ended_at=at)
    return True


def _finish_sending(transaction: Transaction, attempt: Attempt, **values: Any) -> bool:
    """End the sending state, unless another attempt has begun.

    A worker that was frozen in the middle of a send was taken for dead, and what became of it since then counts.
    """
    is_its_own = (notifications.c.state == SENDING, notifications.c.attempts == attempt.number)
    leaving = _update_of(attempt).where(*is_its_own).values(**values).returning(notifications.c.id)
    return transaction.execute(leaving).first() is not None


def _update_of(attempt: Attempt) -> Update:
    return update(notifications).where(notifications.c.id == attempt.notification_id)


def _end_attempt(transaction: Transaction, attempt: Attempt, **values: Any) -> None:
    key = (attempts.c.notification_id == attempt.notification_id, attempts.c.number == attempt.number)
    transaction.execute(update(attempts).where(*key).values(**values))


def requeue(
    transaction: Transaction, notification_id: UUID, *, at: datetime, patience: timedelta
) -> Notification | None:
    """Make a notification pending again for ``patience``: an operator asked for it.

    None, and nothing is changed, while it is being sent: that attempt's end would be written over it. Raises NotFound.
    """
    again = (
        update(notifications)
        .where(notifications.c.id == notification_id, notifications.c.state != SENDING)
        .values(
            state=PENDING,
            next_attempt_at=at,
            give_up_at=at + patience,
            reason=None,
            unknown_since=None,
            waits_for=None,
            told_in=None,
        )
        .returning(notifications.c.id)
    )
    is_unfinished = transaction.execute(again).first() is not None
    found = find(transaction, notification_id)
    return found if is_unfinished else None


def dismiss(transaction: Transaction, notification_id: UUID) -> bool:
    """Put a dead letter away, its reason kept; False when it is none."""
    put_away = (
        update(notifications)
        .where(notifications.c.id == notification_id, notifications.c.state == DEAD)
        .values(state=DISMISSED)
        .returning(notifications.c.id)
    )
    return transaction.execute(put_away).first() is not None


def attempts_of(transaction: Transaction, notification_ids: Collection[UUID]) -> Sequence[Attempt]:
    """Every attempt at these notifications, in order."""
    wanted = select(attempts).where(attempts.c.notification_id.in_(notification_ids)).order_by(attempts.c.number)
    return [to_attempt(row) for row in transaction.execute(wanted).mappings()]


def end_interrupted(
    transaction: Transaction, notification_id: UUID, at: datetime, *, number: int | None = None
) -> bool:
    """End the attempt of a process that is gone; the record says it may have arrived.

    number   only if this is the attempt under way; else whichever it is

    Returns False if none is under way. Only for the holder of the channel's lane, or for the process that made the
    attempt: anybody else's may still end.
    """
    ending = (
        update(attempts)
        .where(attempts.c.notification_id == notification_id, attempts.c.outcome == Outcome.SENDING)
        .values(outcome=Outcome.INTERRUPTED, reason=INTERRUPTED_REASON, ended_at=at)
    )
    back = (
        update(notifications)
        .where(notifications.c.id == notification_id, notifications.c.state == SENDING)
        .values(state=PENDING, reason=INTERRUPTED_REASON, next_attempt_at=at)
        .returning(notifications.c.id)
    )
    if number is not None:
        ending = ending.where(attempts.c.number == number)
        back = back.where(notifications.c.attempts == number)
    transaction.execute(ending)
    return transaction.execute(back).first() is not None
