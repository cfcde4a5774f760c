"""The page of one event, or of a delivery without one."""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.errors import NotFound
from service.operations import queries
from service.operations.json_shapes import action_json
from service.store import actions, deliveries
from service.web.auth.session import Cookie
from service.web.pages.context import PageContext
from service.web.pages.renderer import HEADERS
from service.web.pages.template_filters import MAX_BODY_BYTES


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of an event, or of a delivery without one."""
    session = await context.access.require_session(request)
    event_id = queries.to_id(request.path_params["id"])
    try:
        event = await queries.show_event(context.store, event_id, body_limit=MAX_BODY_BYTES)
    except NotFound:
        return await _show_delivery(context, request, session, event_id)
    return await context.render_refreshing(
        request, session, "event.html", changing=(event["delivery"], event["notifications"]), event=event
    )


async def _show_delivery(context: PageContext, request: Request, session: Cookie, delivery_id: UUID) -> Response:
    """Return the page of a delivery that made no event. Raises NotFound."""
    try:
        delivery = await queries.show_delivery(context.store, delivery_id, body_limit=MAX_BODY_BYTES)
    except NotFound as error:
        forgotten = "it may have been forgotten, as what is older than ROUNDSMAN_KEEP_DAYS is"
        raise NotFound(f"there is no build {delivery_id}: {forgotten}") from error
    done = [action_json(action) for action in await context.store.read(actions.of_subjects, [delivery_id])]
    return await context.render_refreshing(
        request, session, "delivery.html", changing=(delivery, ()), delivery=delivery, actions=done
    )


async def download_body(context: PageContext, request: Request) -> Response:
    """Return the exact body of a delivery as a download, which no browser renders."""
    await context.access.require_session(request)
    delivery = await context.store.read(deliveries.find, queries.to_id(request.path_params["id"]))
    named = {"Content-Disposition": f'attachment; filename="{delivery.id}.json"'}
    return Response(delivery.body, media_type="application/octet-stream", headers=HEADERS | named)
