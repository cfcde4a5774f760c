"""Notifications that a quiet time keeps back: they wait as rows."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, literal_column, or_, select, update

from service.db.tables import Transaction, incidents, is_unsent, notifications
from service.model import News, Notification, NotificationState, WaitsFor
from service.store.rows import to_notification

PENDING, DROPPED = NotificationState.PENDING, NotificationState.DROPPED
_MAX_WAIT = timedelta(days=31)  # of news for something else, before they wait for the hours of a summary


def hold(transaction: Transaction, held: Notification) -> None:
    """Have a pending notification wait, as it says."""
    waiting = update(notifications).where(notifications.c.id == held.id, notifications.c.state == PENDING)
    new = {"next_attempt_at": held.next_attempt_at, "give_up_at": held.give_up_at, "waits_for": held.waits_for}
    transaction.execute(waiting.values(**new))


def find_due(transaction: Transaction, channel_key: str, now: datetime) -> Sequence[Notification]:
    """Return the untried news of a channel whose quiet time has ended."""
    wanted = (
        select(notifications)
        .where(
            notifications.c.state == literal_column("'pending'"),
            is_unsent,
            notifications.c.next_attempt_at <= now,
            notifications.c.channel_key == channel_key,
            notifications.c.attempts == 0,
            notifications.c.waits_for.in_([WaitsFor.HOURS, WaitsFor.SILENCE, WaitsFor.MUTE]),
        )
        .order_by(notifications.c.created_at, notifications.c.id)
    )
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]


def end_silences(transaction: Transaction, now: datetime) -> Sequence[Notification]:
    """Have news that wait for the end of a silence be due now; return them.

    Those that another silence fits go on waiting when it is their turn.
    """
    return _end(transaction, notifications.c.waits_for == WaitsFor.SILENCE, now)


def end_mutes(transaction: Transaction, now: datetime) -> Sequence[Notification]:
    """Have news of incidents that are no longer muted be due now; return them."""
    muted = select(incidents.c.id).where(incidents.c.muted_until > now)
    is_early = and_(notifications.c.waits_for == WaitsFor.MUTE, notifications.c.next_attempt_at > now)
    early = select(notifications.c.id).where(is_unsent, is_early, notifications.c.incident_id.not_in(muted))
    ids = transaction.execute(early.where(notifications.c.state == literal_column("'pending'"))).scalars().all()
    return _end(transaction, notifications.c.id.in_(ids), now) if ids else []


def _end(transaction: Transaction, waits: ColumnElement[bool], now: datetime) -> Sequence[Notification]:
    due = (
        update(notifications)
        .where(notifications.c.state == literal_column("'pending'"), is_unsent, waits)
        .values(next_attempt_at=now)
        .returning(notifications)
    )
    return [to_notification(row) for row in transaction.execute(due).mappings()]


def drop_of_ended(transaction: Transaction, incident_ids: Collection[UUID], *, reason: str) -> Sequence[Notification]:
    """Drop red news that wait, of incidents that have ended; return them."""
    if not incident_ids:
        return []
    dropped = (
        update(notifications)
        .where(
            notifications.c.state == literal_column("'pending'"),
            is_unsent,
            notifications.c.incident_id.in_(incident_ids),
            notifications.c.attempts == 0,
            notifications.c.news.in_([News.BROKE, News.STILL_BROKEN]),
            notifications.c.waits_for.is_not(None),
        )
        .values(state=DROPPED, reason=reason)
        .returning(notifications)
    )
    return [to_notification(row) for row in transaction.execute(dropped).mappings()]


def of_quiet_time(transaction: Transaction, summary: Notification, *, until: datetime) -> Sequence[Notification]:
    """Return the news that waited for the same hours as a summary.

    Of those that were dropped, only they: a time that began again has a summary of its own.

    until   the end of these hours
    """
    at = notifications.c.created_at
    wanted = (
        select(notifications)
        .where(
            notifications.c.channel_label == summary.channel_label,
            at >= summary.created_at - _MAX_WAIT,
            at <= until,
            notifications.c.channel_key == summary.channel_key,
            notifications.c.waits_for == WaitsFor.HOURS,
            notifications.c.event_id.is_not(None),
            notifications.c.next_attempt_at >= until,
            or_(notifications.c.state != DROPPED, notifications.c.next_attempt_at == until),
        )
        .order_by(at, notifications.c.id)
    )
    return [to_notification(row) for row in transaction.execute(wanted).mappings()]
