"""The builds page: the runs that a search finds, and links to older ones."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Event, Notification, User
from service.operations import queries
from service.operations.builds.span_story import list_unexplained
from service.operations.json_shapes import Json, event_json, rfc3339
from service.operations.row_counts import read_page
from service.operations.search_hints import Hint, find_hints
from service.routing.news import news_key
from service.store.events.event_search import Page
from service.store.events.filters import Search
from service.web.pages.build_addresses import Filters, address, merge, read_filters, to_text
from service.web.pages.build_rows import nest, with_jobs
from service.web.pages.context import PageContext, redirect
from service.web.pages.mine import read_mine
from service.web.pages.search_form import Asked, read_form
from service.web.view_user import view_user

PAGE_SIZE = 50
EMPTY_PAGE: Json = {"items": [], "older": None, "newest": None, "looked_back_to": None, "partial": [], "hints": []}


async def show(context: PageContext, request: Request) -> Response:
    """Return the builds page."""
    session = await context.access.require_session(request)
    filters = read_filters(request.query_params)
    if any(not value for _, value in request.query_params.multi_items()):
        # a browser sends empty fields too: drop them, so that links to this page stay short
        return redirect(address(filters))
    return await render(context, request, session, request.query_params)


async def render(
    context: PageContext, request: Request, session: User, query: QueryParams, *, entered: Json | None = None
) -> Response:
    """Return the builds that a query finds.

    entered   the form of a view that was refused: its fields, the ``problem`` and the ``status`` of the answer
    """
    filters = read_filters(query)
    asked = Asked(
        filters=filters,
        text=" ".join(filters["q"]),
        cursor=query.get("cursor", ""),
        user=view_user(session),
        mine=read_mine(request, session),
        jobs=query.get("jobs", ""),
    )
    shown = await context.read(_read, context, asked)
    shown["feed"] = context.access.signed(f"/feed.atom{address(filters).removeprefix('/builds')}")
    shown["entered"] = entered
    status = entered["status"] if entered else 400 if shown["problem"] else 200
    return await context.render_page(request, session, "builds.html", status=status, **shown)


def _read(transaction: Transaction, context: PageContext, asked: Asked) -> Json:
    """Return what the page shows; in the first run, its steps."""
    shown: dict[str, Any] = {"problem": None}
    try:
        filters = merge(asked.filters)
        asked = replace(asked, filters=filters, text=to_text(filters))
        shown |= find(transaction, context, filters, asked.cursor)
        shown["items"] = with_jobs(transaction, nest(shown["items"]), asked)
    except BadRequest as error:
        shown |= EMPTY_PAGE | {"newest": address(asked.filters), "problem": str(error)}
    shown |= read_form(transaction, context.setting(), asked)
    shown["is_filtered"] = any(asked.filters.values()) or shown["newest"] is not None
    is_first_page = not shown["is_filtered"] and not asked.cursor
    shown["unexplained"] = list_unexplained(transaction, context.clock()) if is_first_page else []
    shown["newest_event"] = shown["items"] or shown["is_filtered"] or newest_event(transaction)
    shown["arrived"] = None if shown["newest_event"] else context.first_run.pending_state(transaction)
    if not shown["newest_event"] and not shown["arrived"]:
        shown |= context.first_run.report(transaction)
    return shown


def to_search(filters: Filters, now: datetime) -> Search:
    """Return the search for these filters. Raises BadRequest.

    It is for workflows unless a job is named or another kind is chosen.
    """
    return queries.to_search(filters, now, for_people=True)


def find(transaction: Transaction, context: PageContext, filters: Filters, cursor: str) -> Json:
    """Return one page of builds. Raises BadRequest.

    items            the builds, newest first
    next             the cursor of the next page, or None
    older, newest    paths of the next page and of the first one, or None
    looked_back_to   the time at which the search was cut short; None if it was not
    partial          the reasons why builds may be missing
    hints            for an empty page: filters that no build on record fits
    """
    search = to_search(filters, context.clock())

    def read(limit: int) -> Page:
        limits = context.limits.scan_limits
        return queries.find_events(transaction, search, limit=limit, cursor=cursor or None, scan_limits=limits)

    page = read_page(read, PAGE_SIZE, _names)
    told = queries.notifications_by_news(transaction, {news_key(event) for event in page.items})
    hints = [] if page.items or page.next else find_hints(transaction, search)
    return {
        "items": [_row(posts, told[news_key(posts[0])]) for posts in group_posts(page.items)],
        "next": page.next,
        "older": address(filters, cursor=page.next) if page.next else None,
        "newest": address(filters) if cursor else None,
        "looked_back_to": rfc3339(page.looked_back_to) if page.looked_back_to else None,
        "partial": queries.find_gaps(transaction, search),
        "hints": [_hint(one, filters) for one in hints],
    }


def _names(page: Page) -> Iterator[str | None]:
    for event in page.items:
        yield from (event.project_name, event.branch, event.tag, event.workflow.name, event.commit.subject)
        yield from (event.commit.author_name, event.actor.login, event.job.name if event.job else None)


def _hint(hint: Hint, filters: Filters) -> Json:
    """Return a filter that fits no build, and a path for each similar name."""
    return {
        "filter": hint.filter,
        "text": hint.text,
        "near": [(name, address({**filters, hint.filter: [name]})) for name in hint.near],
    }


def group_posts(found: Sequence[Event]) -> list[list[Event]]:
    """Return the posts of each run, in the order of the newest of each.

    The one that counts is the first of its run. Cancelling a workflow posts it once for each of its jobs. Posts of no
    judged run stand alone.
    """
    grouped: dict[object, list[Event]] = {}
    for event in found:
        grouped.setdefault(event.run.run_id if event.run else event.id, []).append(event)
    return [sorted(posts, key=lambda one: one.run is None or one.run.event_id != one.id) for posts in grouped.values()]


def _row(posts: Sequence[Event], told: Sequence[Notification]) -> Json:
    """Return a run with its notifications, or an event that is none of a run.

    posts               the number of its posts among those found
    is_told_elsewhere   all notifications are from another event with the same news
    """
    event, ids = posts[0], {one.id for one in posts}
    elsewhere = bool(told) and all(one.event_id not in ids for one in told)
    return {**event_json(event), "posts": len(posts), "notifications": told, "is_told_elsewhere": elsewhere}


def newest_event(transaction: Transaction) -> Json | None:
    """Return the newest event of any kind; None while CircleCI is not connected yet."""
    page = queries.list_events(transaction, Search(), limit=1)
    return page["items"][0] if page["items"] else None
