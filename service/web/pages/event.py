"""The page of one event, or of a delivery without one."""

import re
from urllib.parse import quote
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.circleci.webhook.settings_body import read_news
from service.db.tables import Transaction
from service.errors import NotFound
from service.model import EventKind, slug_spellings
from service.operations import ids, queries
from service.operations.builds.build_story import tell_story
from service.operations.builds.span_story import show_unexplained
from service.operations.ids import Noun
from service.operations.json_shapes import Json, action_json
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.ids import DIGITS
from service.store.runs import runs
from service.text import capitalize_first
from service.web.pages.context import PageContext, redirect
from service.web.pages.incidents import read_incident
from service.web.pages.renderer import HEADERS
from service.web.pages.template_filters import MAX_BODY_BYTES


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of a build, by the id of its run or its event."""
    session = await context.access.require_session(request)
    written = request.path_params["id"]
    if is_beginning(written):
        _, whole = await ids.find(context.store, written, Noun.EVENT)
        return redirect(f"/builds/{whole}")
    shown = await context.read(read, queries.to_id(written))
    if "run" in shown:
        return await context.render_page(request, session, "unexplained.html", **shown)
    if event := shown.get("event"):
        changing, template = (event["delivery"], event["notifications"]), "event.html"
    else:
        changing, template = (shown["delivery"], ()), "delivery.html"
    return await context.render_refreshing(request, session, template, changing=changing, **shown)


async def moved(context: PageContext, request: Request) -> Response:
    """Redirect to the page of a build, which had this address in earlier releases."""
    await context.access.require_session(request)
    path = f"/builds/{quote(request.path_params['id'], safe='')}"
    return redirect(f"{path}?{request.url.query}" if request.url.query else path)


def is_beginning(text: str) -> bool:
    """Return True for the first digits of an id, as commands show and take them."""
    return re.fullmatch(f"[0-9a-f]{{{ids.MIN_DIGITS},{DIGITS - 1}}}", text.lower().replace("-", "")) is not None


def read(transaction: Transaction, event_id: UUID) -> Json:
    """Return ``event``, ``story`` and ``incident``, or ``delivery`` and ``actions``.

    Or ``run``: one without a webhook, by its spans.

    The id is CircleCI's of a run, or that of an event or a delivery. Raises NotFound.
    """
    run = runs.find_all(transaction, [event_id]).get(event_id)
    try:
        event = queries.show_event(transaction, run.event_id if run else event_id, body_limit=MAX_BODY_BYTES)
    except NotFound:
        found = show_unexplained(transaction, event_id)
        return {"run": found} if found else _read_delivery(transaction, event_id)
    story = tell_story(transaction, UUID(event["id"]), event["evidence"])
    incident, settings = read_incident(transaction, event["incident"]), _read_settings(transaction, event)
    return {"event": event, "story": story, "incident": incident, "settings": settings}


def settings_of(event: Json) -> str:
    """Return the slug by which the page of settings knows a project, or nothing."""
    slug = event["project"]["slug"]
    return slug_spellings(slug)[0] if slug else ""


def _read_settings(transaction: Transaction, event: Json) -> Json | None:
    """Return the changes that an event of settings tells of; None for one of a build."""
    if event["kind"] != EventKind.SETTINGS_CHANGED:
        return None
    news = read_news(deliveries.find_for_display(transaction, UUID(event["id"])).body)
    sentences = [capitalize_first(one) for one in news.sentences]
    return {"sentences": sentences, "count": news.count, "of": settings_of(event)}


def _read_delivery(transaction: Transaction, delivery_id: UUID) -> Json:
    """Return a delivery that made no event, and its actions. Raises NotFound."""
    try:
        delivery = queries.show_delivery(transaction, delivery_id, body_limit=MAX_BODY_BYTES)
    except NotFound as error:
        forgotten = "it may have been forgotten, as what is older than ROUNDSMAN_KEEP_DAYS is"
        raise NotFound(f"there is no build {delivery_id}: {forgotten}") from error
    done = actions.of_subjects(transaction, [delivery_id])
    return {"delivery": delivery, "actions": [action_json(action) for action in done]}


async def download_body(context: PageContext, request: Request) -> Response:
    """Return the exact body of a delivery as a download, which no browser renders."""
    await context.access.require_session(request)
    delivery = await context.store.read(deliveries.find, queries.to_id(request.path_params["id"]))
    named = {"Content-Disposition": f'attachment; filename="{delivery.id}.json"'}
    return Response(delivery.body, media_type="application/octet-stream", headers=HEADERS | named)
