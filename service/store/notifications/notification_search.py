"""Notifications by filters, newest first, a page at a time by cursor."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, false, literal, or_, select, tuple_, union_all

from service.db.tables import Transaction, events, is_unsent, notifications, tracks
from service.model import Notification, NotificationState
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.rows import to_notification
from service.store.runs import track_search
from service.store.search import names

MAX_RECENT = 2_000


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
    stretches = [_stretch(transaction, value, wanted, beyond).limit(limit + 1).subquery() for value in _walked(wanted)]
    merged = union_all(*(select(stretch) for stretch in stretches)).subquery()
    newest = select(merged).order_by(merged.c.created_at.desc(), merged.c.id.desc()).limit(limit + 1)
    found = [to_notification(row) for row in transaction.execute(newest).mappings()]
    if len(found) <= limit:
        return NotificationPage(items=found, next=None)
    last = found[limit - 1]
    return NotificationPage(items=found[:limit], next=to_cursor(SortKey(at=last.created_at, id=last.id)))


def _walked(wanted: NotificationSearch) -> list[list[ColumnElement[bool]]]:
    """Return the conditions of each index range to scan, one for each filter value.

    A channel's notifications are one receiver's, and what is not sent is little: these are the narrowest.
    """
    channels, receivers = notifications.c.channel_label, notifications.c.receiver
    of_channels, of_receivers = _any_of(channels, wanted.channel), _any_of(receivers, wanted.receiver)
    in_state = _any_of(notifications.c.state, wanted.state)
    if wanted.state and NotificationState.SENT not in wanted.state:
        return [[is_unsent, *in_state, *of_channels, *of_receivers]]
    if wanted.channel:
        return [[channels == label, *of_receivers, *in_state] for label in dict.fromkeys(wanted.channel)]
    if wanted.receiver:
        return [[receivers == name, *in_state] for name in dict.fromkeys(wanted.receiver)]
    return [in_state]


def _of_projects(transaction: Transaction, projects: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the condition that notifications are of one of these projects.

    Those of jobs have no track: their event says the project.
    """
    if not projects:
        return []
    if not any(
        names.find_same(transaction, "project", one) or names.find_ending(transaction, "project", f"/{one}")
        for one in projects
    ):
        return [false()]  # no event is of them: all notifications would be read to find none
    slugs = {slug for one in projects for slug in track_search.spellings_of(transaction, one)}
    # each row looks up its own: of EXISTS and IN a database makes a list first, Postgres by reading every event
    of_track = select(literal(1)).where(
        tracks.c.id == notifications.c.track_id,
        or_(tracks.c.project_slug.in_(slugs), tracks.c.project_name.in_(projects)),
    )
    of_event = select(literal(1)).where(
        events.c.id == notifications.c.event_id,
        or_(events.c.project_slug.in_(slugs), (events.c.org + "/" + events.c.project_name).in_(projects)),
    )
    is_of_event = notifications.c.track_id.is_(None) & (of_event.scalar_subquery() == 1)
    return [or_(of_track.scalar_subquery() == 1, is_of_event)]


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


def _stretch(
    transaction: Transaction,
    walked: Sequence[ColumnElement[bool]],
    wanted: NotificationSearch,
    beyond: SortKey | None,
) -> Select[tuple[Any, ...]]:
    at, key = notifications.c.created_at, notifications.c.id
    conditions = [*walked, *_of_projects(transaction, wanted.project)]
    if wanted.since is not None:
        conditions.append(at >= wanted.since)
    if wanted.until is not None:
        conditions.append(at < wanted.until)
    if beyond is not None:
        conditions.append(tuple_(at, key) < beyond.sql)
    return select(*notifications.c).where(*conditions).order_by(at.desc(), key.desc())
