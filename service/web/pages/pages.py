"""The pages for people, and their forms. Plain HTML, which needs no JavaScript."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from service.db.tables import Transaction
from service.errors import Forbidden, NotFound, Rejected, Temporary, Unauthorized
from service.model import User
from service.web.pages import (
    act_link,
    acts,
    api_reference,
    board,
    build_act,
    build_files,
    build_twins,
    builds,
    dead_letters,
    event,
    health,
    incidents,
    known_problems,
    login,
    mine,
    notifications,
    now,
    project,
    projects,
    sessions,
    settings,
    silences,
    tests,
    trigger,
    usage,
    view_forms,
)
from service.web.pages.context import Endpoint, PageContext, redirect
from service.web.pages.forms import local_path, login_path, referring_path, request_path
from service.web.pages.template_filters import HEADINGS

log = structlog.get_logger()


async def static(context: PageContext, request: Request) -> Response:
    """Return a static file: the style sheet, the script or the icon."""
    return context.renderer.file(request.path_params["name"])


PAGES: Mapping[str, Endpoint] = {
    "/": now.show,
    "/board": board.show,
    "/projects": projects.show,
    "/projects/{name:path}": project.show,
    "/builds": builds.show,
    "/builds/{id}": event.show,
    "/builds/{id}/config": build_files.show_config,
    "/builds/{id}/artifacts": build_files.show_artifacts,
    "/builds/{id}/act/{verb}": build_act.ask,
    "/builds/{id}/link/{token}": act_link.ask,
    "/trigger": trigger.show,
    "/trigger/{id}": trigger.show_result,
    "/events/{id}": event.moved,
    "/dead-letters": dead_letters.show,
    "/silences": silences.show,
    "/incidents": incidents.show,
    "/incidents/{id}": incidents.show_one,
    "/known-problems": known_problems.show,
    "/notifications": notifications.show,
    "/health": health.show,
    "/health/test": health.ask_test,
    "/tests": tests.show,
    "/tests/{id}": tests.show_one,
    "/sessions": sessions.show,
    "/settings": settings.show,
    "/usage": usage.show,
    "/deliveries/{id}/body": event.download_body,
    "/api": api_reference.show,
    "/login": login.show,
    "/login/oidc": login.log_in_at_provider,
    "/login/oidc/callback": login.come_back,
    "/login/{code}": login.log_in_by_link,
    "/static/{name}": static,
}
TWINS: Mapping[str, Endpoint] = {
    "/now.json": now.show_json,
    "/board.json": board.show_json,
    "/dead-letters.json": dead_letters.show_json,
    "/incidents.json": incidents.show_json,
    "/silences.json": silences.show_json,
    "/known-problems.json": known_problems.show_json,
    "/notifications.json": notifications.show_json,
    "/health.json": health.show_json,
    "/settings.json": settings.show_json,
    "/usage.json": usage.show_json,
    "/tests.json": tests.show_json,
    "/tests/{id}.json": tests.show_one_json,
    "/builds.json": build_twins.show_builds,
    "/builds/{id}.json": build_twins.show_build,
    "/projects.json": projects.show_json,
    "/projects/{name:path}.json": project.show_json,
}
"""The rows of pages as JSON; their errors are JSON too."""

FORMS: Mapping[str, Endpoint] = {
    "/builds/views": view_forms.add,
    "/builds/views/{id}/change": view_forms.change,
    "/builds/views/{id}/remove": view_forms.remove,
    "/builds/{id}/act/{verb}": build_act.do,
    "/builds/{id}/link/{token}": act_link.do,
    "/trigger": trigger.do,
    "/trigger/ask": trigger.ask,
    "/trigger/change": trigger.change,
    "/mine": mine.remember,
    "/deliveries/{id}/replay": acts.replay,
    "/deliveries/{id}/dismiss": acts.dismiss_delivery,
    "/notifications/{id}/resend": acts.resend,
    "/notifications/{id}/dismiss": acts.dismiss_notification,
    "/dead-letters/{cause}/resend": dead_letters.resend_cause,
    "/dead-letters/{cause}/dismiss": dead_letters.dismiss_cause,
    "/incidents/{id}/take": incidents.take,
    "/incidents/{id}/release": incidents.release,
    "/incidents/{id}/classify": incidents.classify,
    "/incidents/{id}/mute": incidents.mute,
    "/silences": silences.add,
    "/silences/{id}/expire": silences.expire,
    "/known-problems": known_problems.add,
    "/known-problems/{id}/close": known_problems.close,
    "/sessions/end": sessions.end_own,
    "/sessions/end-of-user": sessions.end_of_user,
    "/sessions/{id}/end": sessions.end_one,
    "/health/test": health.send_test,
    "/login": login.log_in,
    "/logout": login.log_out,
}


@dataclass(frozen=True)
class Pages:
    """The routes of the pages; all but login, act links and files need a session."""

    context: PageContext

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all pages and forms."""
        return [
            *(Route(path, self._bare(twin)) for path, twin in TWINS.items()),
            *(Route(path, self._with_error_pages(page)) for path, page in PAGES.items()),
            *(Route(path, self._with_error_pages(form), methods=["POST"]) for path, form in FORMS.items()),
        ]

    async def error_page(self, request: Request, sentence: str, *, status: int, headers: Mapping[str, str]) -> Response:
        """Return an error page with a sentence and a link back, also for unknown paths.

        For a user it has the navigation; its counts are read only for errors of the client.
        """
        session, counts = await self._navigation(request, status)
        heading = HEADINGS.get(status, "This did not work")
        response = self.context.render(
            "error.html",
            session,
            status=status,
            **{"dead_letter_count": 0, **counts},
            heading=heading,
            problem=sentence,
            again=_again(request, status, has_session=session is not None),
        )
        response.headers.update(headers)
        return response

    async def _navigation(self, request: Request, status: int) -> tuple[User | None, dict[str, Any]]:
        """Return the user of an error page, and the counts of its navigation.

        They are read in limited time: the database may be the cause of the error, and then a signed cookie is enough.
        After a fault of our own nothing is read, as that may fail in the same way.
        """
        access = self.context.access
        session, counts = access.probable_user(request), dict[str, Any]()
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            return session, counts
        try:
            async with asyncio.timeout(self.context.limits.count_timeout_s):
                session = await access.user(request)
                if session is not None and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    counts = await self.context.read(_nothing) | {"version": None}  # the page does not change
        except Forbidden:  # a proxy names a user without a role
            return None, counts
        except (Temporary, TimeoutError) as error:
            log.warning("the navigation of an error page was not read", reason=str(error) or "timeout")
        return session, counts

    def _bare(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint whose errors are answered as those of the API are."""

        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            return await endpoint(self.context, request)

        return answer

    def _with_error_pages(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        """Wrap an endpoint: errors become pages, a missing session leads to the login."""

        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(self.context, request)
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
            return redirect(login_path(request_path(request)))
        page = referring_path(request) or "/builds"
        return self.context.redirect_with_notice(page, "nothing", to=login_path(page))


def _again(request: Request, status: int, *, has_session: bool) -> Mapping[str, str] | None:
    """Return the link to the same page, without the query that it could not answer."""
    if request.method != "GET":
        return None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return {"address": local_path(request_path(request)), "words": "Try again"}
    if status == HTTPStatus.BAD_REQUEST and request.url.query and has_session:
        return {"address": local_path(request.url.path), "words": "Open the page without what was asked"}
    return None


def _nothing(_transaction: Transaction) -> dict[str, Any]:
    return {}
