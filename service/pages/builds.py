"""The builds page: what was asked for, as a form and as a search, and the way to older builds."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

from service.manage import history
from service.manage.shapes import Json, event_json, rfc3339
from service.model import Event, EventKind, Notification
from service.store import Search, Store

ON_A_PAGE = 50
EVERYTHING = "any"
SHOWN = {"": "workflows", EventKind.JOB_COMPLETED: "jobs", EventKind.PING: "pings", EVERYTHING: "everything"}
NOTHING: Json = {"items": [], "older": None, "newest": None, "looked_back_to": None, "partial": []}
FOLDED = ("workflow", "job", "tag", "actor", "author", "told", "since", "until", "event")


Asked = Mapping[str, Sequence[str]]
"""The values of every filter, as they were put in."""


def asked_for(parameters: QueryParams) -> dict[str, Sequence[str]]:
    """Every filter of the form with what was put in, trimmed."""
    given = {name: [value.strip() for value in parameters.getlist(name)] for name in history.SEARCHABLE}
    return {name: [value for value in values if value] for name, values in given.items()}


def to_search(asked: Asked, now: datetime) -> Search:
    """The search for it: workflows unless a job is named or another kind is chosen. Raises BadRequest."""
    kinds = asked["event"] or [EventKind.JOB_COMPLETED if asked["job"] else EventKind.WORKFLOW_COMPLETED]
    return history.to_search({**asked, "event": [] if EVERYTHING in kinds else kinds}, now)


def address(asked: Asked, **more: str) -> str:
    """The address of the page with these filters."""
    given = {**asked, **{name: [value] for name, value in more.items()}}
    return f"/?{urlencode(given, doseq=True)}" if any(given.values()) else "/"


async def find(store: Store, asked: Asked, cursor: str, now: datetime) -> Json:
    """What the page shows: ``items``, the addresses of ``older`` and ``newest`` ones, and how far it looked back.

    ``looked_back_to`` is None where the search was not cut short; ``partial`` says why builds may be missing. Raises
    BadRequest.
    """
    search = to_search(asked, now)
    page = await history.find_events(store, search, limit=ON_A_PAGE, cursor=cursor or None)
    told = await history.told(store, {event.topic for event in page.items})
    return {
        "items": [_line(event, told[event.topic]) for event in page.items],
        "older": address(asked, cursor=page.next) if page.next else None,
        "newest": address(asked) if cursor else None,
        "looked_back_to": rfc3339(page.looked_back_to) if page.looked_back_to else None,
        "partial": await history.doubts_about(store, search),
    }


def _line(event: Event, told: Sequence[Notification]) -> Json:
    """An event, who was told of its news, and whether all of them were by another event that brought the same."""
    elsewhere = bool(told) and all(one.event_id != event.id for one in told)
    return {**event_json(event), "notifications": told, "is_told_elsewhere": elsewhere}


async def anything(store: Store) -> Json | None:
    """The newest event of any kind: when there is none, nobody has connected CircleCI yet."""
    page = await history.list_events(store, Search(), limit=1)
    return page["items"][0] if page["items"] else None
