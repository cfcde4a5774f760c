"""The dead letters page: notifications grouped by channel and reason."""

from collections.abc import Iterable, Sequence

from service.operations.json_shapes import Json
from service.web.pages.template_filters import one_line_or_mark

Group = tuple[str, str | None]
"""The channel and the reason of a group of notifications."""


def group_by_reason(notifications: Iterable[Json]) -> list[Sequence[Json]]:
    """Group the notifications by channel and reason, in the order of their first ones."""
    groups: dict[Group, list[Json]] = {}
    for notification in notifications:
        groups.setdefault((notification["channel_label"], notification["reason"]), []).append(notification)
    return list(groups.values())


def build_name(event: Json | None) -> str:
    """Return the name of a build: ``acme/web main: build-and-test failed``."""
    if event is None:
        return "a build that was forgotten"
    place = [event["project"]["full_name"] or "no project", event["tag"] or event["branch"]]
    what = [event["workflow"]["name"] or event["kind"], (event["job"] or {}).get("name"), event["status"]]
    return (
        f"{' '.join(map(one_line_or_mark, filter(None, place)))}: {' '.join(map(one_line_or_mark, filter(None, what)))}"
    )


def event_type(delivery: Json) -> str:
    """Return the event type in the headers of a delivery, or ``a webhook``."""
    named = (value for name, value in delivery["headers"] if name == "circleci-event-type")
    return next(named, "a webhook")
