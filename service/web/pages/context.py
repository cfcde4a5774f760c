"""The dependencies of the pages, and how each page is rendered for its session."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from typing import Any, Concatenate, ParamSpec

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.db.database import Store
from service.db.tables import Transaction
from service.model import IncidentClass, KnownProblem, User
from service.operations.builds.build_files import BuildFiles
from service.operations.health.first_run import FirstRun
from service.operations.health.health_state import read_state
from service.operations.json_shapes import Json
from service.operations.operator_actions import MAX_REASON
from service.operations.overviews.month_figures import MonthCache
from service.operations.overviews.now import Setting
from service.operations.overviews.week_figures import WeeksCache
from service.operations.test_history.tests_page import TestsCache
from service.queue.base import JobQueue
from service.store.events.event_search import SCAN_LIMITS
from service.store.reports.changes import read_page_state
from service.store.runs import default_tracks
from service.web.auth.access import Access
from service.web.auth.rights import rights_of
from service.web.build_acts import ActingSource
from service.web.pages.forms import referring_path
from service.web.pages.health_facts import HealthFacts
from service.web.pages.notices import clear_notice, read_notice, set_notice
from service.web.pages.refresh import REFRESH_EVERY_S, is_about_to_change, may_refresh
from service.web.pages.renderer import HEADERS, TemplateRenderer

RELEASE = version("roundsman")
Params = ParamSpec("Params")


@dataclass(frozen=True, kw_only=True)
class PageLimits:
    """The limits of pages.

    dead_letters      on one page, and in one act on all of a group
    scan_limits       the number of entries read for one page of builds, in steps
    count_timeout_s   for the user and the counts of the navigation on an error page
    """

    dead_letters: int = 50
    scan_limits: Sequence[int] = SCAN_LIMITS
    count_timeout_s: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """The dependencies of every page.

    first_run        the steps that the builds page shows until the first post is accepted
    build_files      asks CircleCI for what builds ran and left
    known_problems   returns those of roundsman.yaml; likewise ``setting`` its routes and people
    """

    store: Store
    jobs: JobQueue
    access: Access
    clock: Callable[[], datetime]
    first_run: FirstRun
    known_problems: Callable[[], Sequence[KnownProblem]] = tuple
    setting: Callable[[], Setting] = Setting
    build_files: BuildFiles = field(default_factory=BuildFiles)
    health: HealthFacts = field(default_factory=HealthFacts)
    acting: ActingSource = field(default_factory=ActingSource)
    weeks: WeeksCache = field(default_factory=WeeksCache)
    tests: TestsCache = field(default_factory=TestsCache)
    months: MonthCache = field(default_factory=MonthCache)
    limits: PageLimits = field(default_factory=PageLimits)
    renderer: TemplateRenderer = field(default_factory=TemplateRenderer)

    def render(self, template: str, session: User | None, *, status: int = 200, **shown: Any) -> Response:
        """Return a page; without a user it has no navigation, and forms are for rights."""
        shown |= {
            "session": session,
            "rights": rights_of(session.role) if session else frozenset(),
            "now": self.clock(),
            "max_reason": MAX_REASON,
            "incident_classes": [*IncidentClass],
            "release": RELEASE,
        }
        shown = {"version": None, "refresh_s": None, "red_count": 0, "health": None, **shown}
        return self.renderer.render(template, status=status, **shown)

    async def read(
        self,
        work: Callable[Concatenate[Transaction, Params], Mapping[str, Any]],
        *args: Params.args,
        **kwargs: Params.kwargs,
    ) -> dict[str, Any]:
        """Return a page's values, the counts of its navigation, and its version."""
        now = self.clock()

        def read(transaction: Transaction) -> dict[str, Any]:
            shown = work(transaction, *args, **kwargs)
            state, wanted = read_page_state(transaction), self.health.setting.hooks
            health = read_state(transaction, state, now, wanted_hooks=wanted, is_shared=self.store.is_shared)
            counted = {"dead_letter_count": state.dead_letters, "version": state.version, "health": health}
            return {**shown, **counted, "red_count": default_tracks.count_red(transaction, now)}

        return await self.store.snapshot(read)

    async def render_page(
        self, request: Request, session: User, template: str, *, status: int = 200, **shown: Any
    ) -> Response:
        """Return a page for a session, with its notice.

        shown   what ``read`` returned
        It is rendered in a thread: a page may be large, and must not delay webhooks.
        """
        shown["notice"] = read_notice(request)
        if not may_refresh(request):
            shown["version"] = None  # its script asks for changes of a version
        response = await asyncio.to_thread(self.render, template, session, status=status, **shown)
        if shown["notice"]:
            clear_notice(request, response, is_secure=self.access.is_secure)
        return response

    async def render_refreshing(
        self, request: Request, session: User, template: str, *, changing: tuple[Json, Iterable[Json]], **shown: Any
    ) -> Response:
        """Return a page that reloads itself while a state is about to change."""
        is_changing, is_live = is_about_to_change(*changing, self.clock()), may_refresh(request)
        shown |= {"is_changing": is_changing, "is_live": is_live}
        shown["refresh_s"] = REFRESH_EVERY_S if is_changing and is_live else None
        return await self.render_page(request, session, template, **shown)

    def redirect_with_notice(self, page: str, notice: str, *, to: str | None = None) -> Response:
        """Redirect to a page that shows a notice, or by way of another path."""
        response = redirect(to or page)
        set_notice(response, page, notice, is_secure=self.access.is_secure)
        return response

    def redirect_back(self, request: Request, page: str, notice: str) -> Response:
        """Redirect to the page that sent the form, or to ``page``, and set its notice."""
        return self.redirect_with_notice(referring_path(request) or page, notice)


Endpoint = Callable[[PageContext, Request], Awaitable[Response]]
"""The endpoint of a page or a form."""


def redirect(path: str) -> Response:
    """Redirect to a local path, by GET."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)
