"""Pages that reload themselves while something on them is about to change."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from starlette.requests import Request

from service.model import DeliveryState, NotificationState
from service.operations.json_shapes import Json

REFRESH_EVERY_S = 3
SOON = timedelta(seconds=30)
NO_REFRESH = "still"
"""The query parameter of a page that must not reload itself: a reader may want it to stand still."""


def is_about_to_change(delivery: Json, notifications: Iterable[Json], now: datetime) -> bool:
    """Tell whether a delivery is yet to be judged, or a notification is being sent or will be in a moment."""
    return delivery["state"] == DeliveryState.KEPT or any(_is_pending(one, now) for one in notifications)


def _is_pending(notification: Json, now: datetime) -> bool:
    match notification["state"]:
        case NotificationState.SENDING:
            return True
        case NotificationState.PENDING:
            return datetime.fromisoformat(notification["next_attempt_at"]) <= now + SOON
    return False


def may_refresh(request: Request) -> bool:
    """Tell whether the reader lets this page reload itself."""
    return NO_REFRESH not in request.query_params
