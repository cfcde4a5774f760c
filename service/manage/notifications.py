"""Looking up notifications: what which receiver was told, and what is yet to be told or never was."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from service.errors import BadRequest
from service.manage.history import refuse_limit, to_span, values_of, with_attempts
from service.manage.shapes import Json, event_json
from service.model import NotificationState
from service.store import NotificationSearch, Store, actions, events, find_notifications
from service.tables import Transaction

SEARCHABLE = tuple(field.name for field in fields(NotificationSearch))


async def list_notifications(
    store: Store, search: NotificationSearch, *, limit: int = 50, cursor: str | None = None
) -> Json:
    """Return one page of notifications, newest first: ``{"items": [...], "next": cursor or None}``.

    Each with its attempts, and with its ``event``. Raises BadRequest.
    """
    refuse_limit(limit)
    return await store.read(_page, search, limit, cursor)


def _page(transaction: Transaction, search: NotificationSearch, limit: int, cursor: str | None) -> Json:
    page = find_notifications(transaction, search, limit=limit, cursor=cursor)
    done = actions.of_subjects(transaction, [one.id for one in page.items])
    of_ids = events.find_all(transaction, {one.event_id for one in page.items})
    shapes = {event_id: event_json(event) for event_id, event in of_ids.items()}
    told = zip(page.items, with_attempts(transaction, page.items, done), strict=True)
    return {"items": [{**shape, "event": shapes.get(one.event_id)} for one, shape in told], "next": page.next}


def to_search(asked: Mapping[str, str | Sequence[str]], now: datetime) -> NotificationSearch:
    """Return the search that query parameters or options ask for. Raises BadRequest for unknown ones."""
    if unknown := sorted(asked.keys() - set(SEARCHABLE)):
        raise BadRequest(f"{unknown[0]!a} is not something to search by; there are {', '.join(SEARCHABLE)}")
    values = {name: values_of(name, value) for name, value in asked.items()}
    since, until = to_span(values.get("since", ()), values.get("until", ()), now)
    return NotificationSearch(
        receiver=values.get("receiver", ()),
        channel=values.get("channel", ()),
        state=[_to_state(state) for state in values.get("state", ())],
        since=since,
        until=until,
    )


def _to_state(text: str) -> NotificationState:
    try:
        return NotificationState(text)
    except ValueError as error:
        raise BadRequest(f"{text!a} is not a state; there are {', '.join(NotificationState)}") from error
