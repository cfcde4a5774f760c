"""News that one message tells together: each row names its notification.

Until the message is accepted they are dropped rows, which no lane sends; then they count as sent.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal, literal_column, or_, select, update

from service.db.columns import UtcDateTime
from service.db.tables import Transaction, is_unsent, notifications
from service.model import Notification, NotificationState, WaitsFor
from service.store.rows import to_notification

HELD_BACK = (WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE, WaitsFor.RERUN)
"""The waits after whose end news may be told with others."""
UNTOLD = "the message that was to tell it with others was not delivered"
"""The reason of news whose message became a dead letter."""
DROPPED, SENT = NotificationState.DROPPED, NotificationState.SENT
_is_pending: ColumnElement[bool] = notifications.c.state == literal_column("'pending'")
_is_dropped: ColumnElement[bool] = notifications.c.state == literal_column("'dropped'")
_is_told_in: ColumnElement[bool] = notifications.c.told_in.is_not(None)
_LANE: ColumnElement[str] = func.coalesce(
    notifications.c.server_lane, notifications.c.channel_key
)  # as its index has it
_FIND_UNTOLD = (
    select(notifications)
    .where(notifications.c.track_id.in_(bindparam("track_ids", expanding=True)), _is_told_in, _is_dropped)
    .order_by(notifications.c.created_at, notifications.c.id)
)


def lock_pending(transaction: Transaction, notification_id: UUID) -> bool:
    """Lock a notification until the transaction ends; False if it is not pending."""
    locking = select(notifications.c.id).where(notifications.c.id == notification_id, _is_pending).with_for_update()
    return transaction.execute(locking).first() is not None


def find_held(transaction: Transaction, like: Notification, now: datetime) -> Sequence[Notification]:
    """Return the untried news of a channel that may be grouped, oldest first.

    They wait for a group, or are due after a wait. They are locked; those that another transaction is about to
    change are left out.

    like   news of the channel
    """
    is_over = and_(notifications.c.waits_for.in_(HELD_BACK), notifications.c.next_attempt_at <= now)
    wanted = _untried(like).where(or_(notifications.c.waits_for == WaitsFor.GROUP, is_over))
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def find_untried(transaction: Transaction, like: Notification, now: datetime) -> Sequence[Notification]:
    """Return the untried news of a channel that may be told now, oldest first.

    They wait for nothing but details or a group, or are due. They are locked; those that another transaction is about
    to change are left out.
    """
    is_free = or_(notifications.c.waits_for.is_(None), notifications.c.waits_for.not_in(HELD_BACK))
    wanted = _untried(like).where(or_(is_free, notifications.c.next_attempt_at <= now))
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def find_due(transaction: Transaction, like: Notification, now: datetime) -> Sequence[Notification]:
    """Return the untried news of a channel that are due, oldest first.

    They are locked; those that another transaction is about to change are left out.
    """
    wanted = _untried(like).where(notifications.c.next_attempt_at <= now)
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def count_due(transaction: Transaction, like: Notification, now: datetime, *, limit: int) -> int:
    """Count the messages of a channel that are due, up to a limit."""
    due = (
        select(notifications.c.id)
        .where(*_is_in_lane(like), notifications.c.next_attempt_at <= now)
        .limit(limit)
        .subquery()
    )
    return transaction.execute(select(func.count()).select_from(due)).scalar() or 0


def _is_in_lane(like: Notification) -> tuple[ColumnElement[bool], ...]:
    is_of_lane: ColumnElement[bool] = literal(like.lane) == _LANE
    return (is_of_lane, _is_pending, notifications.c.channel_key == like.channel_key)


def _untried(like: Notification) -> Select[tuple[object, ...]]:
    return (
        select(*notifications.c)
        .where(*_is_in_lane(like), notifications.c.attempts == 0, notifications.c.event_id.is_not(None))
        .order_by(notifications.c.created_at, notifications.c.id)
        .with_for_update(skip_locked=True)
    )


def tell_in(
    transaction: Transaction, summary_id: UUID, notification_ids: Collection[UUID], *, reason: str
) -> Collection[UUID]:
    """Have a message tell these pending news; return those that it will tell."""
    telling = (
        update(notifications)
        .where(notifications.c.id.in_(notification_ids), _is_pending)
        .values(state=DROPPED, told_in=summary_id, reason=reason)
        .returning(notifications.c.id)
    )
    return set(transaction.execute(telling).scalars())


def members(transaction: Transaction, summary_id: UUID) -> Sequence[Notification]:
    """Return the news that a message tells, oldest first."""
    wanted = (
        select(notifications)
        .where(notifications.c.told_in == summary_id, _is_told_in)
        .order_by(notifications.c.created_at, notifications.c.id)
    )
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def count_told(transaction: Transaction) -> int:
    """Count the news that an accepted message told with others."""
    telling = select(func.count()).where(_is_told_in, ~is_unsent)
    return transaction.execute(telling).scalar() or 0


def untold_of_tracks(
    transaction: Transaction, track_ids: Collection[int]
) -> Sequence[tuple[Notification, Notification]]:
    """Return the news of tracks that an unfinished message is to tell, each with it."""
    if not track_ids:
        return []
    found_untold = transaction.execute(_FIND_UNTOLD, {"track_ids": list(track_ids)})
    untold = [to_notification(row) for row in found_untold.mappings()]
    if not untold:
        return []
    messages = select(notifications).where(notifications.c.id.in_({one.told_in for one in untold}))
    found = {row["id"]: to_notification(row) for row in transaction.execute(messages).mappings()}
    return [(one, found[one.told_in]) for one in untold if one.told_in in found and found[one.told_in].is_unfinished]


def take_out(transaction: Transaction, untold: Collection[Notification], *, reason: str) -> set[UUID]:
    """Take news out of the messages that are to tell them; return those taken out.

    A message whose send has begun keeps its news.
    """
    messages = {one.told_in for one in untold if one.told_in is not None}
    if not messages:
        return set()
    locking = select(notifications.c.id).where(notifications.c.id.in_(messages), _is_pending)
    waiting = transaction.execute(locking.order_by(notifications.c.id).with_for_update()).scalars().all()
    taking = (
        update(notifications)
        .where(notifications.c.id.in_({one.id for one in untold}), notifications.c.told_in.in_(waiting), _is_dropped)
        .values(told_in=None, reason=reason)
        .returning(notifications.c.id)
    )
    return set(transaction.execute(taking).scalars())


def will_tell(summary_id: UUID) -> str:
    """Return the reason of news that a message is to tell."""
    return f"one message tells it with others: notification {summary_id}"


def note_dead(transaction: Transaction, summary_id: UUID) -> None:
    """Note with the news of a message that it was not delivered."""
    _note(transaction, summary_id, UNTOLD)


def note_resend(transaction: Transaction, summary_id: UUID) -> None:
    """Note with the news of a message that it is to be sent again."""
    _note(transaction, summary_id, will_tell(summary_id))


def _note(transaction: Transaction, summary_id: UUID, reason: str) -> None:
    untold = (notifications.c.told_in == summary_id, _is_told_in, _is_dropped)
    transaction.execute(update(notifications).where(*untold).values(reason=reason))


def record_told(transaction: Transaction, summary_id: UUID, at: datetime) -> None:
    """Record that the message of these news was accepted."""
    first = func.coalesce(notifications.c.sent_at, at, type_=UtcDateTime)
    is_its_own = (notifications.c.told_in == summary_id, _is_told_in, or_(_is_dropped, ~is_unsent))
    transaction.execute(update(notifications).where(*is_its_own).values(state=SENT, sent_at=first, reason=None))
