"""The page that a link in a message leads to: it asks, and its button acts once.

Mail scanners and previews of chats follow links, so ``GET`` changes nothing and asks CircleCI nothing. The token is the
right to act; all readers of the message have it, so it opens this page alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.db.tables import Transaction
from service.errors import BadRequest, Forbidden, NotFound, Rejected, Temporary
from service.message.act_links import ActLink
from service.model import Action, Event, Notification
from service.model.build_acts import ActVerb, BuildAct
from service.operations.builds.act_subjects import name_of
from service.operations.builds.build_acts import Recorder, act_on_build, find_acts
from service.operations.json_shapes import Json, action_json
from service.store.audit import actions
from service.store.events import events
from service.store.notifications import notifications
from service.web.build_acts import as_refusal
from service.web.pages.asked_acts import UNDER_WAY, split_reason, title_of
from service.web.pages.context import PageContext, redirect

HEADERS = {
    # a referrer would have the token in it; no-referrer would hide the Origin of our own form too
    "Referrer-Policy": "strict-origin",
    "X-Robots-Tag": "noindex, nofollow",
}
FORGED = "This link is not valid: it may be incomplete, or of another build, or older than the present admin token."
EXPIRED = "This link has expired."
FORGOTTEN = "What this link is about is no longer on record."
OFF = "Links of this kind have been switched off since the message was sent."
VERBS = frozenset(ActVerb)
MAX_EARLIER = 3
NEXT_STEP = "On the page of the build, which needs a login, it can still be done."


class NoLink(Rejected):
    """A link that does not lead to an act, or no longer.

    build   the address of its build, where that is known
    """

    def __init__(self, reason: str, status: int, build: str | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.build = build


@dataclass(frozen=True, kw_only=True)
class Linked:
    """The things that a valid link is about."""

    link: ActLink
    notification: Notification
    event: Event

    @property
    def act(self) -> BuildAct:
        """The act of the link."""
        job = self.event.job.name if self.event.job and self.link.verb is ActVerb.APPROVE else None
        return BuildAct(verb=self.link.verb, workflow_id=UUID(self.event.workflow.id or ""), job=job)

    @property
    def build(self) -> str:
        """The address of its build, by its event: a workflow that waits has no run."""
        return f"/builds/{self.event.id}"


async def ask(context: PageContext, request: Request) -> Response:
    """Return the page that asks whether to do what a link is for. It changes nothing."""
    try:
        linked = await _find(context, request)
        if shown := await _used(context, linked):
            return _page(context, linked, **shown)
        _check_time(context, linked)
    except NoLink as error:
        return _refusal(context, error)
    return _page(context, linked, earlier=await _earlier(context, linked))


async def do(context: PageContext, request: Request) -> Response:
    """Do what a link is for, once, and redirect to its page, which shows the result."""
    try:
        context.access.check_origin(request)
        linked = await _find(context, request)
        return await _act(context, request, linked)
    except NoLink as error:
        return _refusal(context, error)
    except Forbidden as error:
        return _refusal(context, NoLink(f"Nothing was done: {error}", error.status))


async def _act(context: PageContext, request: Request, linked: Linked) -> Response:
    """Act, or return the page of what came of it before. Raises NoLink."""
    if shown := await _used(context, linked):
        return _page(context, linked, status=409, is_second=True, **shown)
    _check_time(context, linked)
    who = await _who(context, request, linked.notification)
    recorder = Recorder(store=context.store, clock=context.clock, who=who, id=linked.link.act_id)
    try:
        await as_refusal(act_on_build(context.acting.api, linked.act, recorder))
    except (BadRequest, NotFound, Temporary) as error:
        if shown := await _used(context, linked):  # two at once: the other one acts
            return _page(context, linked, status=409, is_second=True, **shown)
        status = error.status if isinstance(error, BadRequest) else 503 if isinstance(error, Temporary) else 409
        raise NoLink(f"Nothing was done: {error}", status, linked.build) from error
    return _private(redirect(request.url.path))


async def _find(context: PageContext, request: Request) -> Linked:
    """Return the things that the link of a request is about. Raises NoLink."""
    links = context.acting.links
    link = links.signer.read(request.path_params["token"]) if links else None
    if link is None:
        raise NoLink(FORGED, 404)

    def read(transaction: Transaction) -> tuple[Notification, Event]:
        notification = notifications.find(transaction, link.notification_id)
        if notification.event_id is None:
            raise NotFound("it is about no event")
        return notification, events.find(transaction, notification.event_id)

    try:
        notification, event = await context.store.snapshot(read)
    except NotFound as error:
        raise NoLink(FORGOTTEN, 410) from error
    if event.workflow.id != request.path_params["id"]:
        raise NoLink(FORGED, 404)
    if not _is_on(context, notification):
        raise NoLink(OFF, 410, f"/builds/{event.id}")
    return Linked(link=link, notification=notification, event=event)


def _is_on(context: PageContext, notification: Notification) -> bool:
    """Return whether the route of a message still has such links."""
    return any(route.act_links_s is not None for route in context.setting().routes if route.name == notification.route)


def _check_time(context: PageContext, linked: Linked) -> None:
    if context.clock() > linked.link.until:
        raise NoLink(EXPIRED, 410, linked.build)


async def _used(context: PageContext, linked: Linked) -> Mapping[str, Any]:
    """Return what came of a link that was used; nothing for one that was not."""
    asked, ended = await find_acts(context.store, linked.link.act_id)
    return _result(asked, ended) if asked else {}


def _result(asked: Action, ended: Action | None) -> Mapping[str, Any]:
    outcome, words = split_reason(ended.reason or "") if ended else ("under_way", UNDER_WAY)
    return {"asked": action_json(asked), "outcome": outcome, "words": words}


async def _earlier(context: PageContext, linked: Linked) -> Sequence[Json]:
    """Return the last results of acts on the build, by other links or pages."""
    found = await context.store.read(actions.of_subjects, [linked.act.workflow_id])
    ended = [one for one in found if one.verb in VERBS and not (one.reason or "").startswith("asked: ")]
    return [action_json(one) | {"title": title_of(ActVerb(one.verb))} for one in ended[-MAX_EARLIER:]]


async def _who(context: PageContext, request: Request, notification: Notification) -> str:
    """Return who acts: the channel of the message, and a user who is logged in."""
    words = f"a link in the message to {notification.channel_label}"
    try:
        user = await context.access.user(request)
    except Forbidden:  # a user without a role, who has the link all the same
        user = None
    return f"{user.name} with {words}" if user else words


def _page(context: PageContext, linked: Linked, *, status: int = 200, **shown: Any) -> Response:
    shown = {"asked": None, "is_second": False, "earlier": (), "job": linked.act.job, **shown}
    shown |= {
        "verb": linked.link.verb,
        "title": title_of(linked.link.verb),
        "name": name_of(linked.event),
        "channel": linked.notification.channel_label,
        "until": linked.link.until.isoformat(),
        "build": linked.build,
    }
    return _private(context.render("act_link.html", None, status=status, **shown))


def _refusal(context: PageContext, error: NoLink) -> Response:
    """Return the page of a link that does nothing. It names no token."""
    shown = {"problem": str(error), "build": error.build, "next_step": NEXT_STEP}
    return _private(context.render("act_link_refused.html", None, status=error.status, **shown))


def _private(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response
