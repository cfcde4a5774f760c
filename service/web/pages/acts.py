"""The forms of the pages: replay, resend, dismiss."""

from starlette.requests import Request
from starlette.responses import Response

from service.model import Notification
from service.operations import operator_actions, queries
from service.store.notifications import notifications
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form


async def replay(context: PageContext, request: Request) -> Response:
    """Replay a delivery, and redirect back."""
    who, _ = await _require_form(context, request)
    delivery_id = queries.to_id(request.path_params["id"])
    await operator_actions.replay(context.store, delivery_id, who=who, at=context.clock())
    return context.redirect_back(request, f"/builds/{delivery_id}", "replay")


async def resend(context: PageContext, request: Request) -> Response:
    """Resend a notification, and redirect back."""
    who, _ = await _require_form(context, request)
    notification_id = queries.to_id(request.path_params["id"])
    sent = await operator_actions.resend(context.store, context.jobs, notification_id, who=who, at=context.clock())
    return context.redirect_back(request, _page_of(sent), "resend")


async def dismiss_delivery(context: PageContext, request: Request) -> Response:
    """Dismiss a delivery that was not understood, and redirect back."""
    who, because = await _require_form(context, request)
    delivery_id = queries.to_id(request.path_params["id"])
    await operator_actions.dismiss_delivery(context.store, delivery_id, who=who, at=context.clock(), because=because)
    return context.redirect_back(request, f"/builds/{delivery_id}", "dismiss")


async def dismiss_notification(context: PageContext, request: Request) -> Response:
    """Dismiss a notification that could not be sent, and redirect back."""
    who, because = await _require_form(context, request)
    notification_id = queries.to_id(request.path_params["id"])
    await operator_actions.dismiss_notification(
        context.store, notification_id, who=who, at=context.clock(), because=because
    )
    notification = await context.store.read(notifications.find, notification_id)
    return context.redirect_back(request, _page_of(notification), "dismiss")


def _page_of(notification: Notification) -> str:
    """Return the page that shows a notification: its event's, if it is about one."""
    return f"/builds/{notification.event_id}" if notification.event_id else "/dead-letters"


async def _require_form(context: PageContext, request: Request) -> tuple[str, str]:
    """Return the credential of a form, and the reason entered in it."""
    who = await context.access.require_form(request)
    return who, (await read_form(request)).get("because", "")
