"""Notifications by filters, newest first, a page at a time by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, or_, select, tuple_, union

from service.db.tables import Transaction, is_unsent, notifications
from service.model import Notification, NotificationState
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.notifications import project_keys
from service.store.rows import to_notification

MAX_RECENT = 2_000
OF_MANY = frozenset({NotificationState.SENT, NotificationState.DROPPED})
"""The states that many notifications stay in."""


@dataclass(frozen=True, kw_only=True)
class NotificationSearch:
    """Filters of notifications: several values mean any, None or empty means all.

    project       its slug or name
    channel       the label, such as ``web-team (slack)``
    since, until  when it was decided to tell: from, and up to but without
    """

    receiver: Sequence[str] = ()
    channel: Sequence[str] = ()
    state: Sequence[NotificationState] = ()
    project: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NotificationPage:
    """A page of notifications, newest first, and the cursor of the next page."""

    items: Sequence[Notification]
    next: str | None


def find_page(
    transaction: Transaction, wanted: NotificationSearch, *, limit: int, cursor: str | None = None
) -> NotificationPage:
    """Return a page of matching notifications. Raises BadRequest for a foreign cursor."""
    beyond = to_sort_key(cursor) if cursor else None
    of_projects = project_keys.conditions_of(transaction, wanted.project)
    ranges = [_range(walked, wanted, beyond).limit(limit + 1).subquery() for walked in _walked(wanted, of_projects)]
    merged = union(*(select(one) for one in ranges)).subquery()  # one of a slug is of its name too
    newest = (
        select(notifications)
        .join(merged, merged.c.id == notifications.c.id)
        .order_by(merged.c.created_at.desc(), merged.c.id.desc())
        .limit(limit + 1)
    )
    found = [to_notification(row) for row in transaction.execute(newest).mappings()]
    if len(found) <= limit:
        return NotificationPage(items=found, next=None)
    last = found[limit - 1]
    return NotificationPage(items=found[:limit], next=to_cursor(SortKey(at=last.created_at, id=last.id)))


def _walked(
    wanted: NotificationSearch, of_projects: Sequence[ColumnElement[bool]]
) -> Sequence[Sequence[ColumnElement[bool]]]:
    """Return the conditions of each index range to scan, one for each filter value.

    Few are in most states, a project's notifications go to few receivers, and a channel's are one receiver's: these are
    the narrowest.
    """
    channels, receivers, states = notifications.c.channel_label, notifications.c.receiver, notifications.c.state
    of_channels, of_receivers = _any_of(channels, wanted.channel), _any_of(receivers, wanted.receiver)
    in_state, of_states = (
        _any_of(states, wanted.state),
        [[states == one, is_unsent] for one in dict.fromkeys(wanted.state)],
    )
    if wanted.state and OF_MANY.isdisjoint(wanted.state):
        of_any = [or_(*of_projects)] if of_projects else []
        return [[*one, *of_channels, *of_receivers, *of_any] for one in of_states]
    if of_projects:
        return [[one, *of_channels, *of_receivers, *in_state] for one in of_projects]
    if wanted.channel:
        return [[channels == label, *of_receivers, *in_state] for label in dict.fromkeys(wanted.channel)]
    if wanted.receiver:
        return [[receivers == name, *in_state] for name in dict.fromkeys(wanted.receiver)]
    return of_states if wanted.state and NotificationState.SENT not in wanted.state else [in_state]


def recent_names(transaction: Transaction) -> tuple[list[str], list[str]]:
    """Return the receivers and the channels' labels of the newest notifications."""
    newest = (
        select(notifications.c.receiver, notifications.c.channel_label)
        .order_by(notifications.c.created_at.desc(), notifications.c.id.desc())
        .limit(MAX_RECENT)
    )
    found = transaction.execute(newest).all()
    return list(dict.fromkeys(row.receiver for row in found)), list(dict.fromkeys(row.channel_label for row in found))


def _any_of(column: Column[Any], values: Sequence[str]) -> list[ColumnElement[bool]]:
    return [column.in_(list(dict.fromkeys(values)))] if values else []


def _range(
    walked: Sequence[ColumnElement[bool]], wanted: NotificationSearch, beyond: SortKey | None
) -> Select[tuple[Any, ...]]:
    """Select the keys of one range, newest first."""
    at, key = notifications.c.created_at, notifications.c.id
    conditions = [*walked]
    if wanted.since is not None:
        conditions.append(at >= wanted.since)
    if wanted.until is not None:
        conditions.append(at < wanted.until)
    if beyond is not None:
        conditions.append(tuple_(at, key) < beyond.sql)
    return select(at, key).where(*conditions).order_by(at.desc(), key.desc())
