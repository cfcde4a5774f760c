"""Reload a page while something on it is about to change."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from starlette.requests import Request

from service.model import DeliveryState, NotificationState
from service.operations.json_shapes import Json

REFRESH_EVERY_S = 3
SOON = timedelta(seconds=30)
NO_REFRESH_PARAMETER = "still"
"""The query parameter that stops a page from reloading itself."""


def is_about_to_change(delivery: Json, notifications: Iterable[Json], now: datetime) -> bool:
    """Return whether a delivery is not judged yet, or a notification is due soon."""
    return delivery["state"] == DeliveryState.KEPT or any(_is_pending(one, now) for one in notifications)


def _is_pending(notification: Json, now: datetime) -> bool:
    match notification["state"]:
        case NotificationState.SENDING:
            return True
        case NotificationState.PENDING:
            return not notification["attempts"] or datetime.fromisoformat(notification["next_attempt_at"]) <= now + SOON
    return False


def may_refresh(request: Request) -> bool:
    """Return whether this page may reload itself."""
    return NO_REFRESH_PARAMETER not in request.query_params
