"""The dead letters page: notifications by cause, and acts on all of a cause."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import BadRequest
from service.operations import operator_actions
from service.operations.bulk_actions import Subject, act_on_each
from service.operations.dead_letters import list_dead_letters
from service.operations.ids import Noun
from service.operations.json_shapes import Json
from service.operations.queries import list_refusals
from service.store.deliveries import dead_causes
from service.store.deliveries.dead_causes import Cause, digest_of
from service.web.pages.asked import read_asked
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form

PATH = "/dead-letters"
MAX_AT_ONCE = 500
"""The messages that one form acts on: of more, the oldest."""


async def show(context: PageContext, request: Request) -> Response:
    """Return the dead letters page."""
    session = await context.access.require_session(request)
    cursor = request.query_params.get("cursor") or None
    shown = await context.read(_read, cursor, limit=context.limits.dead_letters)
    shown["newest"] = PATH if cursor else None
    shown["older"] = f"{PATH}?cursor={shown['next']}" if shown["next"] else None
    shown["groups"] = group_by_cause(shown["notifications"], shown["causes"])
    return await context.render_page(request, session, "dead_letters.html", **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the dead letters page shows as JSON."""
    await context.access.require(request)
    cursor = read_asked(request.query_params, ("cursor",)).get("cursor")
    return JSONResponse(await context.store.snapshot(_rows, cursor, limit=context.limits.dead_letters))


async def resend_cause(context: PageContext, request: Request) -> Response:
    """Resend the dead notifications of a cause, and redirect back.

    Those that cannot be resent now stay dead letters.
    """
    who = await context.access.require_form(request)

    def resend(notification_id: UUID) -> Awaitable[object]:
        return operator_actions.resend(context.store, context.jobs, notification_id, who=who, at=context.clock())

    is_done = await _act_on_cause(context, request, resend)
    return context.redirect_back(request, PATH, "resend_all" if is_done else "resend_some")


async def dismiss_cause(context: PageContext, request: Request) -> Response:
    """Dismiss the dead notifications of a cause, and redirect back."""
    who = await context.access.require_form(request)
    because = (await read_form(request)).get("because", "")

    def dismiss(notification_id: UUID) -> Awaitable[object]:
        return operator_actions.dismiss_notification(
            context.store, notification_id, who=who, at=context.clock(), because=because
        )

    is_done = await _act_on_cause(context, request, dismiss)
    return context.redirect_back(request, PATH, "dismiss_all" if is_done else "dismiss_some")


async def _act_on_cause(context: PageContext, request: Request, act: Callable[[UUID], Awaitable[object]]) -> bool:
    """Act on the notifications of a cause; return whether on all. Raises BadRequest."""
    digest = request.path_params["cause"]
    found = await context.store.read(dead_causes.find_ids, digest, limit=MAX_AT_ONCE + 1)
    if not found:
        raise BadRequest("nothing of this cause is a dead letter any more", status=409)
    subjects = [Subject(noun=Noun.NOTIFICATION, id=one) for one in found[:MAX_AT_ONCE]]
    outcomes = [outcome async for outcome in act_on_each(subjects, lambda subject: act(subject.id))]
    return len(found) <= MAX_AT_ONCE and all(outcome.reason is None for outcome in outcomes)


def _read(transaction: Transaction, cursor: str | None, *, limit: int) -> Json:
    refused = [] if cursor else list_refusals(transaction)["items"]
    return _rows(transaction, cursor, limit=limit) | {"refusals": refused}


def _rows(transaction: Transaction, cursor: str | None, *, limit: int) -> Json:
    """Return one page of dead letters, and the ``causes`` of all, by frequency."""
    causes = [
        {"id": digest_of(cause), "channel": cause[0], "reason": cause[1], "count": count}
        for cause, count in dead_causes.count_causes(transaction).items()
    ]
    return list_dead_letters(transaction, limit=limit, cursor=cursor) | {"causes": causes}


def group_by_cause(notifications: Iterable[Json], causes: Sequence[Json]) -> list[Json]:
    """Return notifications by channel and reason, in the order of their first ones.

    ``count`` is that of all of the cause, of which some may be on other pages.
    """
    counts: Mapping[str, int] = {cause["id"]: cause["count"] for cause in causes}
    groups: dict[Cause, list[Json]] = {}
    for notification in notifications:
        groups.setdefault((notification["channel_label"], notification["reason"]), []).append(notification)
    return [
        {
            "id": digest_of(cause),
            "channel": cause[0],
            "reason": cause[1],
            "count": max(counts.get(digest_of(cause), 0), len(some)),
            "items": some,
        }
        for cause, some in groups.items()
    ]
