"""Search of notifications: sent, still to be sent, or dead."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from uuid import UUID

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Judgment, News, Notification, NotificationState, Verdict
from service.operations.json_shapes import Json
from service.operations.queries import require_limit, to_span, values_of, with_events
from service.store.events import decisions
from service.store.notifications.notification_search import NotificationSearch
from service.store.notifications.notification_search import find_page as find_notifications

SEARCHABLE = tuple(field.name for field in fields(NotificationSearch))
WITHOUT_DECISION = frozenset({News.REMINDER, News.ESCALATION, News.SUMMARY})
"""The news that no decision on an event leads to."""


def list_notifications(
    transaction: Transaction, search: NotificationSearch, *, limit: int = 50, cursor: str | None = None
) -> Json:
    """Return one page of notifications, newest first.

    The shape is ``{"items": [...], "next": cursor or None}``. Each item has its attempts, its ``event``, and the
    ``verdict`` of its route on that; null for reminders and other news that no decision leads to. Raises BadRequest.
    """
    require_limit(limit)
    page = find_notifications(transaction, search, limit=limit, cursor=cursor)
    verdicts = _verdicts(transaction, page.items)
    shapes = zip(with_events(transaction, page.items), page.items, strict=True)
    return {"items": [{**shape, "verdict": verdicts.get(one.id)} for shape, one in shapes], "next": page.next}


def _verdicts(transaction: Transaction, found: Sequence[Notification]) -> Mapping[UUID, Verdict]:
    """Return the verdict of each notification's route on its event, by its id.

    It is that of the round in which the notification was planned.
    """
    decided = [one for one in found if one.news not in WITHOUT_DECISION and one.event_id]
    judgments = decisions.find_all(transaction, {one.event_id for one in decided if one.event_id})
    verdicts = {}
    for one in decided:
        if one.event_id and (verdict := _verdict(one, judgments[one.event_id])):
            verdicts[one.id] = verdict
    return verdicts


def _verdict(notification: Notification, judgments: Sequence[Judgment]) -> Verdict | None:
    """Return the verdict that led to a notification; None if it is not on record.

    judgments   of its event, newest first
    """
    round_ = next((one for one in judgments if one.decided_at <= notification.created_at), None)
    if round_ is None or round_.version is None:
        return None
    of_route = (
        round_.verdicts[position]
        for position, route in enumerate(round_.version.routes)
        if route.name == notification.route and position in round_.verdicts
    )
    return next(of_route, None)


def to_search(asked: Mapping[str, str | Sequence[str]], now: datetime) -> NotificationSearch:
    """Return the search that query parameters or options ask for.

    Raises BadRequest for an unknown parameter or value.
    """
    if unknown := sorted(asked.keys() - set(SEARCHABLE)):
        raise BadRequest(f"{unknown[0]!a} is not something to search by; there are {', '.join(SEARCHABLE)}")
    values = {name: values_of(name, value) for name, value in asked.items()}
    since, until = to_span(values.get("since", ()), values.get("until", ()), now)
    return NotificationSearch(
        receiver=values.get("receiver", ()),
        channel=values.get("channel", ()),
        project=values.get("project", ()),
        state=[_to_state(state) for state in values.get("state", ())],
        since=since,
        until=until,
    )


def _to_state(text: str) -> NotificationState:
    try:
        return NotificationState(text)
    except ValueError as error:
        raise BadRequest(f"{text!a} is not a state; there are {', '.join(NotificationState)}") from error
