"""Pages of dead letters, which need an operator.

They are deliveries that were not understood and notifications that could not be sent.
"""

from collections.abc import Sequence
from uuid import UUID

from service.db.database import Store
from service.db.tables import Transaction
from service.model import Delivery, Notification
from service.operations.bulk_actions import MAX_SUBJECTS
from service.operations.json_shapes import Json, action_json, delivery_json
from service.operations.queries import MAX_PAGE_SIZE, require_limit, with_events
from service.store.audit import actions
from service.store.cursors import SortKey, to_cursor, to_sort_key
from service.store.deliveries import deliveries
from service.store.notifications import notifications

PARTS = ("deliveries", "notifications")

DeadDelivery = tuple[Delivery, int]
"""A delivery that was not understood with the beginning of its body, and the length of the whole body in bytes."""


def list_dead_letters(
    transaction: Transaction, *, limit: int = MAX_PAGE_SIZE, cursor: str | None = None, dismissed: bool = False
) -> Json:
    """Return one page of dead letters, newest first.

    The shape is ``{"deliveries": [...], "notifications": [...], "next": cursor}``, with at most ``limit`` of both
    together; ``next`` is None on the last page. A delivery has only the beginning of its body. Raises BadRequest.

    dismissed   list dismissed dead letters instead
    """
    require_limit(limit)
    beyond = to_sort_key(cursor) if cursor else None
    unread = deliveries.find_dead(transaction, limit=limit + 1, dismissed=dismissed, beyond=beyond)
    unsent = notifications.find_dead(transaction, limit=limit + 1, dismissed=dismissed, beyond=beyond)
    last = _last_place(unread, unsent, limit=limit)
    page = {
        "deliveries": [
            delivery_json(one, body_bytes=size) for one, size in unread if last is None or _received(one) >= last
        ],
        "notifications": with_events(transaction, [one for one in unsent if last is None or _given_up(one) >= last]),
    }
    _add_actions(transaction, [shape for shapes in page.values() for shape in shapes])
    return {**page, "next": to_cursor(last) if last else None}


def _add_actions(transaction: Transaction, shapes: Sequence[Json]) -> None:
    """Add the operators' actions to each dead letter, oldest first: who, when and why."""
    done: dict[str, list[Json]] = {shape["id"]: [] for shape in shapes}
    for action in actions.of_subjects(transaction, [UUID(one) for one in done]):
        done[str(action.subject_id)].append(action_json(action))
    for shape in shapes:
        shape["actions"] = done[shape["id"]]


async def list_all_dead_letters(store: Store, *, dismissed: bool = False, limit: int = MAX_SUBJECTS) -> Json:
    """Return all pages of dead letters as one, until it has at least ``limit``.

    ``next`` is the cursor of the remaining ones, or None.
    """
    whole = await store.snapshot(list_dead_letters, dismissed=dismissed)
    while whole["next"] and count(whole) < limit:
        page = await store.snapshot(list_dead_letters, cursor=whole["next"], dismissed=dismissed)
        whole = {name: whole[name] + page[name] for name in PARTS} | {"next": page["next"]}
    return whole


def count(page: Json) -> int:
    """Return the number of dead letters on a page."""
    return sum(len(page[name]) for name in PARTS)


def _last_place(unread: Sequence[DeadDelivery], unsent: Sequence[Notification], *, limit: int) -> SortKey | None:
    """Return the key of the last dead letter on the page; None on the last page."""
    places = [*(_received(one) for one, _ in unread), *map(_given_up, unsent)]
    return sorted(places, reverse=True)[limit - 1] if len(places) > limit else None


def _received(delivery: Delivery) -> SortKey:
    return SortKey(at=delivery.received_at, id=delivery.id)


def _given_up(notification: Notification) -> SortKey:
    return SortKey(at=notification.next_attempt_at, id=notification.id)
