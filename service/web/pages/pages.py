"""The pages: builds, one event, dead letters, login. Plain HTML, no JavaScript."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from functools import wraps
from http import HTTPStatus
from importlib.metadata import version
from typing import Any
from uuid import UUID

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest, NotFound, Rejected, Temporary, TooManyGuesses, Unauthorized
from service.operations import operator_actions, queries
from service.operations.bulk_actions import Subject, act_on_each
from service.operations.dead_letters import list_dead_letters
from service.operations.first_run import FirstRun
from service.operations.ids import Noun
from service.operations.json_shapes import Json, action_json
from service.operations.refusals import list_refusals
from service.queue.base import JobQueue
from service.store import actions, dead_counts, deliveries, notifications
from service.web.auth.access import Access
from service.web.auth.session import Cookie
from service.web.pages import builds
from service.web.pages.dead_letters import group_by_reason
from service.web.pages.forms import local_path, login_path, read_form, read_values, referring_path, request_path
from service.web.pages.notices import clear_notice, read_notice, set_notice
from service.web.pages.refresh import REFRESH_EVERY_S, is_about_to_change, may_refresh
from service.web.pages.renderer import HEADERS, TemplateRenderer
from service.web.pages.template_filters import HEADINGS, MAX_BODY_BYTES

DEAD_LETTERS_PAGE_SIZE = 50

log = structlog.get_logger()
Endpoint = Callable[[Request], Awaitable[Response]]


class Pages:
    """The endpoints of the pages; all but login and static files need a session.

    first_run         the steps that the builds page shows until the first post is accepted
    count_timeout_s   for the number of dead letters on an error page
    """

    def __init__(  # noqa: PLR0913 - each is one thing that the assembly chooses
        self,
        *,
        store: Store,
        jobs: JobQueue,
        access: Access,
        clock: Callable[[], datetime],
        first_run: FirstRun,
        count_timeout_s: float = 1.0,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._access = access
        self._clock = clock
        self._first_run = first_run
        self._count_timeout_s = count_timeout_s
        self._renderer = TemplateRenderer()

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all pages."""
        pages: dict[str, Endpoint] = {
            "/": self.builds,
            "/events/{id}": self.event,
            "/dead-letters": self.dead_letters,
            "/deliveries/{id}/body": self.body,
            "/login": self.login,
            "/login/{code}": self.log_in_by_link,
            "/static/{name}": self.static,
        }
        forms: dict[str, Endpoint] = {
            "/deliveries/{id}/replay": self.replay,
            "/deliveries/{id}/dismiss": self.dismiss_delivery,
            "/notifications/{id}/resend": self.resend,
            "/notifications/{id}/dismiss": self.dismiss_notification,
            "/dead-letters/resend": self.resend_all,
            "/login": self.log_in,
            "/logout": self.log_out,
        }
        return [
            *(Route(path, self._with_error_pages(page)) for path, page in pages.items()),
            *(Route(path, self._with_error_pages(form), methods=["POST"]) for path, form in forms.items()),
        ]

    async def builds(self, request: Request) -> Response:
        """Return the builds page."""
        session = await self._access.require_session(request)
        filters = builds.read_filters(request.query_params)
        if any(not value for _, value in request.query_params.multi_items()):
            # a browser sends empty fields too: drop them, so that links to this page stay short
            return _redirect(builds.address(filters))
        shown: dict[str, Any] = {"problem": None, **await builds.form(self._store, filters)}
        try:
            shown |= await builds.find(self._store, filters, request.query_params.get("cursor", ""), self._clock())
        except BadRequest as error:
            shown |= builds.EMPTY_PAGE | {"newest": builds.address(filters), "problem": str(error)}
        shown["is_filtered"] = any(filters.values()) or shown["newest"] is not None
        shown["newest_event"] = shown["items"] or shown["is_filtered"] or await builds.newest_event(self._store)
        shown["arrived"] = None if shown["newest_event"] else await self._first_run.pending_state()
        if not shown["newest_event"] and not shown["arrived"]:
            shown |= await self._first_run.report()
        return await self._render_page(
            request, session, "builds.html", status=400 if shown["problem"] else 200, **shown
        )

    async def event(self, request: Request) -> Response:
        """Return the page of an event, or of a delivery without one."""
        session = await self._access.require_session(request)
        event_id = queries.to_id(request.path_params["id"])
        try:
            event = await queries.show_event(self._store, event_id, body_limit=MAX_BODY_BYTES)
        except NotFound:
            return await self._delivery(request, session, event_id)
        return await self._render_refreshing(
            request, session, "event.html", changing=(event["delivery"], event["notifications"]), event=event
        )

    async def _delivery(self, request: Request, session: Cookie, delivery_id: UUID) -> Response:
        """Return the page of a delivery that made no event. Raises NotFound."""
        try:
            delivery = await queries.show_delivery(self._store, delivery_id, body_limit=MAX_BODY_BYTES)
        except NotFound as error:
            forgotten = "it may have been forgotten, as what is older than ROUNDSMAN_KEEP_DAYS is"
            raise NotFound(f"there is no build {delivery_id}: {forgotten}") from error
        done = [action_json(action) for action in await self._store.read(actions.of_subjects, [delivery_id])]
        return await self._render_refreshing(
            request, session, "delivery.html", changing=(delivery, ()), delivery=delivery, actions=done
        )

    async def dead_letters(self, request: Request) -> Response:
        """Return the dead letters page."""
        session = await self._access.require_session(request)
        cursor = request.query_params.get("cursor") or None
        shown = await list_dead_letters(self._store, limit=DEAD_LETTERS_PAGE_SIZE, cursor=cursor)
        shown["refusals"] = [] if cursor else (await list_refusals(self._store))["items"]
        shown["newest"] = "/dead-letters" if cursor else None
        shown["older"] = f"/dead-letters?cursor={shown['next']}" if shown["next"] else None
        shown["groups"] = group_by_reason(shown["notifications"])
        return await self._render_page(request, session, "dead_letters.html", **shown)

    async def body(self, request: Request) -> Response:
        """Return the exact body of a delivery as a download, which no browser renders."""
        await self._access.require_session(request)
        delivery = await self._store.read(deliveries.find, queries.to_id(request.path_params["id"]))
        named = {"Content-Disposition": f'attachment; filename="{delivery.id}.json"'}
        return Response(delivery.body, media_type="application/octet-stream", headers=HEADERS | named)

    async def replay(self, request: Request) -> Response:
        """Replay a delivery, and redirect back."""
        who, _ = await self._require_form(request)
        delivery_id = queries.to_id(request.path_params["id"])
        await operator_actions.replay(self._store, self._jobs, delivery_id, who=who, at=self._clock())
        return self._redirect_back(request, f"/events/{delivery_id}", "replay")

    async def resend(self, request: Request) -> Response:
        """Resend a notification, and redirect back."""
        who, _ = await self._require_form(request)
        notification_id = queries.to_id(request.path_params["id"])
        sent = await operator_actions.resend(self._store, self._jobs, notification_id, who=who, at=self._clock())
        return self._redirect_back(request, f"/events/{sent.event_id}", "resend")

    async def resend_all(self, request: Request) -> Response:
        """Resend several notifications, and redirect back.

        Those that cannot be resent now stay dead letters.
        """
        who = await self._access.require_form(request)
        named = [queries.to_id(value) for value in await read_values(request, "notification")]
        subjects = [Subject(noun=Noun.NOTIFICATION, id=one) for one in named[:DEAD_LETTERS_PAGE_SIZE]]

        def resend(subject: Subject) -> Awaitable[object]:
            return operator_actions.resend(self._store, self._jobs, subject.id, who=who, at=self._clock())

        outcomes = [outcome async for outcome in act_on_each(subjects, resend)]
        is_done = all(outcome.reason is None for outcome in outcomes)
        return self._redirect_back(request, "/dead-letters", "resend_all" if is_done else "resend_some")

    async def dismiss_delivery(self, request: Request) -> Response:
        """Dismiss a delivery that was not understood, and redirect back."""
        who, because = await self._require_form(request)
        delivery_id = queries.to_id(request.path_params["id"])
        await operator_actions.dismiss_delivery(self._store, delivery_id, who=who, at=self._clock(), because=because)
        return self._redirect_back(request, f"/events/{delivery_id}", "dismiss")

    async def dismiss_notification(self, request: Request) -> Response:
        """Dismiss a notification that could not be sent, and redirect back."""
        who, because = await self._require_form(request)
        notification_id = queries.to_id(request.path_params["id"])
        await operator_actions.dismiss_notification(
            self._store, notification_id, who=who, at=self._clock(), because=because
        )
        notification = await self._store.read(notifications.find, notification_id)
        return self._redirect_back(request, f"/events/{notification.event_id}", "dismiss")

    async def login(self, request: Request) -> Response:
        """Return the login page."""
        return self._render("login.html", None, next=local_path(request.query_params.get("next")), problem=None)

    async def log_in(self, request: Request) -> Response:
        """Begin a session, and redirect to the page wanted."""
        form = await read_form(request)
        wanted = local_path(form.get("next"))
        try:
            session = await self._access.log_in(request, form.get("token", ""))
        except (Unauthorized, TooManyGuesses) as error:
            return self._login_refused(error, wanted)
        response = _redirect(wanted)
        self._access.set_session_cookie(response, session)
        return response

    async def log_in_by_link(self, request: Request) -> Response:
        """Begin the only session of a login link, and redirect to the builds."""
        try:
            session = await self._access.log_in_by_link(request, request.path_params["code"])
        except (Unauthorized, TooManyGuesses) as error:
            return _redirect("/") if await self._access.session(request) else self._login_refused(error, "/")
        response = _redirect("/")
        self._access.set_session_cookie(response, session)
        return response

    def _login_refused(self, error: Unauthorized | TooManyGuesses, wanted: str) -> Response:
        response = self._render("login.html", None, status=error.status, next=wanted, problem=str(error))
        response.headers.update(error.headers)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session, if it is still open, and redirect to the login."""
        response = _redirect("/login")
        try:
            await self._require_form(request)
        except Unauthorized:
            return response
        await self._access.log_out(request)
        self._access.clear_session_cookie(response)
        return response

    async def static(self, request: Request) -> Response:
        """Return a static file: the style sheet or the icon."""
        return self._renderer.file(request.path_params["name"])

    async def error_page(self, request: Request, sentence: str, *, status: int, headers: Mapping[str, str]) -> Response:
        """Return an error page with a sentence and a link back, also for unknown paths.

        With a signed cookie it has the navigation. Dead letters are counted only for errors of the client, and in
        limited time: the database may be the cause of the others.
        """
        session = self._access.signed_cookie(request)
        count = await self._count_if_possible() if session and status < HTTPStatus.INTERNAL_SERVER_ERROR else 0
        heading = HEADINGS.get(status, "This did not work")
        response = self._render(
            "error.html", session, status=status, dead_letter_count=count, heading=heading, problem=sentence
        )
        response.headers.update(headers)
        return response

    async def _count_if_possible(self) -> int:
        try:
            async with asyncio.timeout(self._count_timeout_s):
                return await self._count_dead_letters()
        except (Temporary, TimeoutError) as error:
            log.warning("dead letters were not counted", reason=str(error) or "timeout")
            return 0

    async def _count_dead_letters(self) -> int:
        return sum((await self._store.read(dead_counts.count_dead_letters)).values())

    async def _require_form(self, request: Request) -> tuple[str, str]:
        """Return the credential of a form, and the reason entered in it."""
        who = await self._access.require_form(request)
        return who, (await read_form(request)).get("because", "")

    def _redirect_back(self, request: Request, page: str, notice: str) -> Response:
        """Redirect to the page that sent the form, or to ``page``, and set its notice."""
        path = referring_path(request) or page
        response = _redirect(path)
        set_notice(response, path, notice, is_secure=self._access.is_secure)
        return response

    async def _render_page(
        self, request: Request, session: Cookie, template: str, *, status: int = 200, **shown: Any
    ) -> Response:
        """Return a page for a session, with the count of dead letters and its notice.

        It is rendered in a thread: a page may be large, and must not delay webhooks.
        """
        shown |= {
            "notice": read_notice(request),
            "dead_letter_count": await self._count_dead_letters(),
        }
        response = await asyncio.to_thread(self._render, template, session, status=status, **shown)
        if shown["notice"]:
            clear_notice(request, response, is_secure=self._access.is_secure)
        return response

    async def _render_refreshing(
        self, request: Request, session: Cookie, template: str, *, changing: tuple[Json, Iterable[Json]], **shown: Any
    ) -> Response:
        """Return a page that reloads itself while one of its states is about to change."""
        is_changing, is_live = is_about_to_change(*changing, self._clock()), may_refresh(request)
        response = await self._render_page(
            request, session, template, is_changing=is_changing, is_live=is_live, **shown
        )
        if is_changing and is_live:
            response.headers["Refresh"] = str(REFRESH_EVERY_S)
        return response

    def _render(self, template: str, session: Cookie | None, *, status: int = 200, **shown: Any) -> Response:
        shown |= {
            "session": session,
            "now": self._clock(),
            "max_reason": operator_actions.MAX_REASON,
            "release": version("roundsman"),
        }
        return self._renderer.render(template, status=status, **shown)

    def _with_error_pages(self, endpoint: Endpoint) -> Endpoint:
        """Wrap an endpoint: errors become pages, a missing session leads to the login."""

        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Unauthorized:
                return self._redirect_to_login(request)
            except Temporary as error:
                log.warning("a page cannot be shown now", reason=str(error))
                return await self.error_page(request, error.sentence, status=503, headers={})
            except (Rejected, NotFound) as error:
                status, headers = (error.status, error.headers) if isinstance(error, Rejected) else (404, {})
                return await self.error_page(request, str(error), status=status, headers=headers)

        return answer

    def _redirect_to_login(self, request: Request) -> Response:
        """Redirect to the login, which leads on to the page wanted or the form's page."""
        if request.method in {"GET", "HEAD"}:
            return _redirect(login_path(request_path(request)))
        page = referring_path(request) or "/"
        response = _redirect(login_path(page))
        set_notice(response, page, "nothing", is_secure=self._access.is_secure)
        return response


def _redirect(path: str) -> Response:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
