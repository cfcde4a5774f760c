"""The page of notifications: what was said to whom, when, why, and what waits."""

from collections.abc import Iterator, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.model import NotificationState
from service.operations.checks.suggestions import suggest_projects
from service.operations.json_shapes import Json
from service.operations.notifications import SEARCHABLE, list_notifications, to_search
from service.operations.receiver_hints import find_hints
from service.operations.row_counts import read_page
from service.web.pages.asked import address, has_empty, read_asked, refusal
from service.web.pages.context import PageContext, redirect

PATH = "/notifications"
PAGE_SIZE = 50
MAX_SUGGESTED = 100
CHIPS: Mapping[str, Mapping[str, str]] = {
    "not delivered": {"state": NotificationState.DEAD},
    "waiting": {"state": NotificationState.PENDING},
    "last 24 h": {"since": "24h"},
    "last 7 d": {"since": "7d"},
}


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of notifications."""
    session = await context.access.require_session(request)
    given = read_asked(request.query_params, (*SEARCHABLE, "cursor"))
    if has_empty(request.query_params):
        return redirect(address(PATH, given))
    filters = {name: value for name, value in given.items() if name != "cursor"}
    problem = refusal(lambda: to_search(filters, context.clock()), filters, SEARCHABLE)
    shown = await context.read(_read, context, {} if problem else given)
    if problem:
        shown |= {"filters": dict.fromkeys(SEARCHABLE) | filters, "items": [], "older": None}
    status = 400 if problem else 200
    return await context.render_page(request, session, "notifications.html", status=status, problem=problem, **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of notifications shows as JSON."""
    await context.access.require(request)
    given = read_asked(request.query_params, (*SEARCHABLE, "cursor"))
    return JSONResponse(await context.store.snapshot(_rows, context, given))


def _rows(transaction: Transaction, context: PageContext, given: Mapping[str, str]) -> Json:
    """Return one page of notifications; an empty one has ``hints`` on wrong names."""
    filters = {name: value for name, value in given.items() if name != "cursor"}
    search = to_search(filters, context.clock())

    def read(limit: int) -> Json:
        return list_notifications(transaction, search, limit=limit, cursor=given.get("cursor"))

    page = read_page(read, PAGE_SIZE, _names)
    receivers = context.health.setting.receivers
    hints = [] if page["items"] else find_hints(transaction, search, receivers=receivers)
    return {**page, "hints": hints}


def _names(page: Json) -> Iterator[str | None]:
    for one in page["items"]:
        yield from (one["channel_label"], one["title"], one["reason"])
        if (event := one["event"]) is not None:
            yield from (event["project"]["full_name"], event["branch"], event["tag"], event["workflow"]["name"])


def _read(transaction: Transaction, context: PageContext, given: Mapping[str, str]) -> Json:
    shown = _rows(transaction, context, given)
    filters = {name: given.get(name) for name in SEARCHABLE}
    return shown | {
        "filters": filters,
        "is_filtered": any(filters.values()),
        "states": [*NotificationState],
        "chips": [_chip(filters, words, added) for words, added in CHIPS.items()],
        "receivers": list(context.health.setting.receivers),
        "projects": suggest_projects(transaction, limit=MAX_SUGGESTED),
        "newest": address(PATH, filters) if "cursor" in given else None,
        "older": address(PATH, {**filters, "cursor": shown["next"]}) if shown["next"] else None,
    }


def _chip(filters: Mapping[str, str | None], words: str, added: Mapping[str, str]) -> Json:
    is_on = all(filters[name] == value for name, value in added.items())
    changed = dict.fromkeys(added) if is_on else added
    return {"words": words, "is_on": is_on, "address": address(PATH, {**filters, **changed})}
