"""The dead letters page: notifications grouped by channel and reason."""

from collections.abc import Iterable, Sequence

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.operations.dead_letters import list_dead_letters
from service.operations.json_shapes import Json
from service.operations.queries import list_refusals
from service.web.pages.context import PageContext

Group = tuple[str, str | None]
"""The channel and the reason of a group of notifications."""


async def show(context: PageContext, request: Request) -> Response:
    """Return the dead letters page."""
    session = await context.access.require_session(request)
    cursor = request.query_params.get("cursor") or None
    shown = await context.read(_read, cursor, limit=context.limits.dead_letters)
    shown["newest"] = "/dead-letters" if cursor else None
    shown["older"] = f"/dead-letters?cursor={shown['next']}" if shown["next"] else None
    shown["groups"] = group_by_reason(shown["notifications"])
    return await context.render_page(request, session, "dead_letters.html", **shown)


def _read(transaction: Transaction, cursor: str | None, *, limit: int) -> Json:
    page = list_dead_letters(transaction, limit=limit, cursor=cursor)
    return page | {"refusals": [] if cursor else list_refusals(transaction)["items"]}


def group_by_reason(notifications: Iterable[Json]) -> list[Sequence[Json]]:
    """Group the notifications by channel and reason, in the order of their first ones."""
    groups: dict[Group, list[Json]] = {}
    for notification in notifications:
        groups.setdefault((notification["channel_label"], notification["reason"]), []).append(notification)
    return list(groups.values())
