"""The summary of news that quiet hours kept back, a line for each workflow."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from service.db.tables import Transaction
from service.message.own import compose_own
from service.model import Closing, Event, EventKind, Incident, Message, Notification
from service.model.same_names import marked_events
from service.pipeline.context import Context
from service.pipeline.waits.quiet import summarized
from service.store.events import events
from service.store.incidents import incidents

MAX_LINES = 20

Kept = tuple[Event, Incident | None]
"""An event whose message was kept back, and its incident."""


def compose_summary(transaction: Transaction, context: Context, summary: Notification) -> Message:
    """Return the message of a summary."""
    told = summarized(transaction, summary)
    found = events.find_all(transaction, {one.event_id for one in told if one.event_id})
    found = {one.id: one for one in marked_events(found.values())}
    known = incidents.find_all(transaction, {one.incident_id for one in told if one.incident_id})
    zone = _zone(context, told)
    lines = _lines(told, found, known, zone)
    more = [f"and {len(lines) - MAX_LINES} more"] if len(lines) > MAX_LINES else []
    title = f"Kept back in quiet hours: {len(told)} message{'' if len(told) == 1 else 's'}"
    page = f"{context.public_url}/" if context.public_url else None
    return compose_own(title, "\n".join([*lines[:MAX_LINES], *more]), severity="info", page=page)


def _zone(context: Context, told: Sequence[Notification]) -> ZoneInfo:
    """Return the zone of the route that kept most back; UTC if it is gone."""
    zones = {route.name: route.active.timezone for route in context.routes if route.active}
    counted = Counter(zones[one.route] for one in told if one.route in zones)
    return ZoneInfo(next((zone for zone, _ in counted.most_common(1)), "UTC"))


def _lines(
    told: Iterable[Notification], found: Mapping[UUID, Event], known: Mapping[UUID, Incident], zone: ZoneInfo
) -> list[str]:
    """Return a line for each branch and workflow, in the order of their first news."""
    groups: dict[tuple[str, ...], list[Kept]] = {}
    for one in told:
        event = found.get(one.event_id) if one.event_id else None
        if event is not None:
            groups.setdefault(_place(event), []).append(
                (event, known.get(one.incident_id) if one.incident_id else None)
            )
    return [f"{' '.join(place)}: {_story(some, zone)}" for place, some in groups.items()]


def _place(event: Event) -> tuple[str, ...]:
    where = f"tag {event.tag}" if event.tag else event.branch
    what = "settings" if event.kind is EventKind.SETTINGS_CHANGED else event.workflow.name
    names = [event.project_name or event.org or "a project", where, what, event.job.name if event.job else None]
    return tuple(name for name in names if name)


def _story(some: Sequence[Kept], zone: ZoneInfo) -> str:
    """Return a story such as ``2 failed, the last at Mon 22:40; fixed at Mon 23:05``."""
    counts = Counter(event.status or "ended" for event, _ in some)
    counted = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    last = max(event.happened_at for event, _ in some)
    closed = [
        incident.closed_at if incident.closed_because is not Closing.EXPIRED else None
        for _, incident in some
        if incident
    ]
    ends = [time for time in closed if time is not None]
    fixed = f"; fixed at {_time(max(ends), zone)}" if ends and len(ends) == len(closed) else ""
    return f"{counted}, the last at {_time(last, zone)}{fixed}"


def _time(time: datetime, zone: ZoneInfo) -> str:
    return f"{time.astimezone(zone):%a %H:%M}"
