"""The builds page: what was asked for, as a form and as a search, and the way to older builds."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from service.manage import history
from service.manage.shapes import Json, event_json, rfc3339
from service.model import Event, EventKind, Notification
from service.store import Search, Store

ON_A_PAGE = 50
EVERYTHING = "any"
SHOWN = {"": "workflows", EventKind.JOB_COMPLETED: "jobs", EventKind.PING: "pings", EVERYTHING: "everything"}
NOTHING: Json = {"items": [], "older": None, "newest": None, "looked_back_to": None}
FOLDED = ("workflow", "job", "tag", "actor", "since", "until", "event")


def asked_for(parameters: Mapping[str, str]) -> dict[str, str]:
    """Every filter of the form with what was put in, trimmed."""
    return {name: parameters.get(name, "").strip() for name in history.SEARCHABLE}


def to_search(asked: Mapping[str, str]) -> Search:
    """The search for it: workflows unless a job is named or another kind is chosen. Raises BadRequest."""
    kind = asked["event"] or (EventKind.JOB_COMPLETED if asked["job"] else EventKind.WORKFLOW_COMPLETED)
    return history.to_search({**asked, "event": "" if kind == EVERYTHING else kind})


def address(asked: Mapping[str, str], **more: str) -> str:
    """The address of the page with these filters."""
    given = {name: value for name, value in {**asked, **more}.items() if value}
    return "/?" + urlencode(given) if given else "/"


async def find(store: Store, asked: Mapping[str, str], cursor: str) -> Json:
    """What the page shows: ``items``, the addresses of ``older`` and ``newest`` ones, and how far it looked back.

    ``looked_back_to`` is None where the search was not cut short. Raises BadRequest.
    """
    page = await history.find_events(store, to_search(asked), limit=ON_A_PAGE, cursor=cursor or None)
    told = await history.told(store, {event.topic for event in page.items})
    return {
        "items": [_line(event, told[event.topic]) for event in page.items],
        "older": address(asked, cursor=page.next) if page.next else None,
        "newest": address(asked) if cursor else None,
        "looked_back_to": rfc3339(page.looked_back_to) if page.looked_back_to else None,
    }


def _line(event: Event, told: Sequence[Notification]) -> Json:
    """An event, who was told of its news, and whether all of them were by another event that brought the same."""
    elsewhere = bool(told) and all(one.event_id != event.id for one in told)
    return {**event_json(event), "notifications": told, "is_told_elsewhere": elsewhere}


async def anything(store: Store) -> Json | None:
    """The newest event of any kind: when there is none, nobody has connected CircleCI yet."""
    page = await history.list_events(store, Search(), limit=1)
    return page["items"][0] if page["items"] else None
