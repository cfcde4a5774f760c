"""Search of notifications: sent, still to be sent, or dead."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import NotificationState
from service.operations.json_shapes import Json
from service.operations.queries import require_limit, to_span, values_of, with_events
from service.store.notification_search import NotificationSearch
from service.store.notification_search import find_page as find_notifications

SEARCHABLE = tuple(field.name for field in fields(NotificationSearch))


def list_notifications(
    transaction: Transaction, search: NotificationSearch, *, limit: int = 50, cursor: str | None = None
) -> Json:
    """Return one page of notifications, newest first.

    The shape is ``{"items": [...], "next": cursor or None}``. Each item has its attempts and its
    ``event``. Raises BadRequest.
    """
    require_limit(limit)
    page = find_notifications(transaction, search, limit=limit, cursor=cursor)
    return {"items": with_events(transaction, page.items), "next": page.next}


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
        state=[_to_state(state) for state in values.get("state", ())],
        since=since,
        until=until,
    )


def _to_state(text: str) -> NotificationState:
    try:
        return NotificationState(text)
    except ValueError as error:
        raise BadRequest(f"{text!a} is not a state; there are {', '.join(NotificationState)}") from error
