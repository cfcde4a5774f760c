"""The JSON API, and the endpoints for machines: health, readiness, metrics."""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from service.db.database import Store
from service.errors import BadRequest
from service.health import DatabaseStats, Readiness
from service.metrics import Metrics
from service.model import KnownProblem
from service.operations import notifications, operator_actions, queries
from service.operations.dead_letters import list_dead_letters
from service.operations.ids import Noun, find_id
from service.operations.queries import list_refusals
from service.operations.test_history.shown_tests import JudgedTests
from service.queue.base import JobQueue
from service.web.api_build_acts import BuildActsApi
from service.web.api_incidents import IncidentsApi
from service.web.api_insights import InsightsApi
from service.web.api_known_problems import KnownProblemsApi
from service.web.api_settings_changes import SettingsChangesApi
from service.web.api_silences import SilencesApi
from service.web.api_spans import SpansApi
from service.web.api_tests import TestsApi
from service.web.api_usage import UsageApi
from service.web.api_views import ViewsApi
from service.web.auth.access import Access
from service.web.build_acts import ActingSource
from service.web.build_metrics_text import build_metrics_text
from service.web.openapi.document import PATH, openapi
from service.web.otlp.gauges import set_unexplained
from service.web.parameters import checked_params, page_params, single_valued_params


@dataclass(frozen=True, kw_only=True)
class Api:
    """The endpoints of the API; all but health and metrics need a credential."""

    store: Store
    jobs: JobQueue
    access: Access
    metrics: Metrics
    clock: Callable[[], datetime]
    readiness: Readiness
    known_problems: Callable[[], Sequence[KnownProblem]] = tuple
    acting: ActingSource = field(default_factory=ActingSource)
    judged: JudgedTests = field(default_factory=JudgedTests)

    def routes(self) -> list[BaseRoute]:
        """Return the routes of all endpoints."""
        return [
            Route("/api/v1/events", self.events),
            Route("/api/v1/events/{id}", self.event),
            Route("/api/v1/notifications", self.notifications),
            Route("/api/v1/dead-letters", self.dead_letters),
            Route("/api/v1/refusals", self.refusals),
            Route("/api/v1/deliveries/{id}/replay", self.replay, methods=["POST"]),
            Route("/api/v1/deliveries/{id}/dismiss", self.dismiss_delivery, methods=["POST"]),
            Route("/api/v1/notifications/{id}/resend", self.resend, methods=["POST"]),
            Route("/api/v1/notifications/{id}/dismiss", self.dismiss_notification, methods=["POST"]),
            *IncidentsApi(store=self.store, access=self.access, clock=self.clock).routes(),
            *SilencesApi(
                store=self.store, jobs=self.jobs, access=self.access, clock=self.clock, from_file=self.known_problems
            ).routes(),
            *KnownProblemsApi(
                store=self.store, access=self.access, clock=self.clock, from_file=self.known_problems
            ).routes(),
            *BuildActsApi(store=self.store, access=self.access, clock=self.clock, source=self.acting).routes(),
            *ViewsApi(store=self.store, access=self.access, clock=self.clock).routes(),
            *SettingsChangesApi(store=self.store, access=self.access, clock=self.clock).routes(),
            *SpansApi(store=self.store, access=self.access, clock=self.clock).routes(),
            *TestsApi(store=self.store, access=self.access, clock=self.clock, judged=self.judged).routes(),
            *InsightsApi(store=self.store, access=self.access, clock=self.clock, judged=self.judged).routes(),
            *UsageApi(store=self.store, access=self.access, clock=self.clock).routes(),
            Route(PATH, self.openapi),
            *self.health_routes(),
        ]

    def health_routes(self) -> list[BaseRoute]:
        """Return the routes of the endpoints that need no credential."""
        return [
            Route("/healthz", self.healthz),
            Route("/readyz", self.readyz),
            Route("/metrics", self.prometheus),
        ]

    async def events(self, request: Request) -> Response:
        """List events, newest first, a page at a time."""
        await self.access.require(request)
        filters, limit, cursor = page_params(request.query_params)
        search = queries.to_search(filters, self.clock())
        return JSONResponse(await self.store.snapshot(queries.list_events, search, limit=limit, cursor=cursor))

    async def notifications(self, request: Request) -> Response:
        """List notifications, newest first, a page at a time."""
        await self.access.require(request)
        filters, limit, cursor = page_params(request.query_params)
        search = notifications.to_search(filters, self.clock())
        page = await self.store.snapshot(notifications.list_notifications, search, limit=limit, cursor=cursor)
        return JSONResponse(page)

    async def event(self, request: Request) -> Response:
        """Return all records of one event."""
        await self.access.require(request)
        event_id = await find_id(self.store, request.path_params["id"], Noun.EVENT)
        return JSONResponse(await self.store.snapshot(queries.show_event, event_id))

    async def dead_letters(self, request: Request) -> Response:
        """List dead letters, a page at a time; with ``?dismissed=true``, dismissed ones."""
        await self.access.require(request)
        asked, limit, cursor = page_params(request.query_params, limit=queries.MAX_PAGE_SIZE)
        dismissed = asked.pop("dismissed", ["false"])
        if dismissed not in (["true"], ["false"]):
            raise BadRequest("dismissed must be true or false")
        if asked:
            raise BadRequest(f"{next(iter(asked))!a} means nothing here; there are dismissed, limit and cursor")
        is_dismissed = dismissed == ["true"]
        page = await self.store.snapshot(list_dead_letters, limit=limit, cursor=cursor, dismissed=is_dismissed)
        return JSONResponse(page)

    async def refusals(self, request: Request) -> Response:
        """List the last refused posts, newest first, each with its reason and next step."""
        await self.access.require(request)
        if asked := checked_params(request.query_params):
            raise BadRequest(f"{asked[0][0]!a} means nothing here; there are at most 50, and all are answered")
        return JSONResponse(await self.store.read(list_refusals))

    async def replay(self, request: Request) -> Response:
        """Judge a delivery again."""
        who = await self.access.require(request)
        delivery_id = await find_id(self.store, request.path_params["id"], Noun.DELIVERY)
        await operator_actions.replay(self.store, delivery_id, who=who, at=self.clock())
        return JSONResponse({"delivery": str(delivery_id), "replay": "enqueued"}, status_code=202)

    async def resend(self, request: Request) -> Response:
        """Send a notification again."""
        who = await self.access.require(request)
        notification_id = await find_id(self.store, request.path_params["id"], Noun.NOTIFICATION)
        await operator_actions.resend(self.store, self.jobs, notification_id, who=who, at=self.clock())
        return JSONResponse({"notification": str(notification_id), "resend": "enqueued"}, status_code=202)

    async def dismiss_delivery(self, request: Request) -> Response:
        """Dismiss a delivery that was not understood; ``?because=`` gives a reason."""
        who, because = await self.access.require(request), _reason_param(request.query_params)
        delivery_id = await find_id(self.store, request.path_params["id"], Noun.DELIVERY)
        await operator_actions.dismiss_delivery(self.store, delivery_id, who=who, at=self.clock(), because=because)
        return JSONResponse({"delivery": str(delivery_id), "dismiss": "done"})

    async def dismiss_notification(self, request: Request) -> Response:
        """Dismiss a notification that could not be sent; ``?because=`` gives a reason."""
        who, because = await self.access.require(request), _reason_param(request.query_params)
        notification_id = await find_id(self.store, request.path_params["id"], Noun.NOTIFICATION)
        await operator_actions.dismiss_notification(
            self.store, notification_id, who=who, at=self.clock(), because=because
        )
        return JSONResponse({"notification": str(notification_id), "dismiss": "done"})

    async def openapi(self, request: Request) -> Response:
        """Return the description of the API in OpenAPI 3.1."""
        await self.access.require(request)
        return JSONResponse(openapi(request.app.routes))

    async def healthz(self, _request: Request) -> Response:
        """Answer 200: this process is alive."""
        return JSONResponse({"status": "alive"})

    async def readyz(self, request: Request) -> Response:
        """Return each check: ``ok`` or a sentence. ``?check=database`` runs that alone.

        The status is 503 if one fails. A web process is ready when the database answers, with or without a worker,
        because it must keep the webhooks that arrive.
        """
        wanted = dict.fromkeys(request.query_params.getlist("check") or self.readiness.names)
        unknown = next((name for name in wanted if name not in self.readiness.names), None)
        if unknown is not None:  # an empty name is unknown too
            raise BadRequest(f"there is no check {unknown!a}; there are {', '.join(self.readiness.names)}")
        checks = {name: await self.readiness.check(name) for name in wanted}
        if detail := next((check.detail for check in checks.values() if check.detail), None):
            request.state.facts["reason"] = detail  # only for the log: this endpoint needs no credential
        is_ready = all(check.is_ok for check in checks.values())
        shape = {"ready": is_ready, "checks": {name: check.sentence for name, check in checks.items()}}
        return JSONResponse(shape, status_code=200 if is_ready else 503)

    async def prometheus(self, request: Request) -> Response:
        """Return the metrics, with a token those of builds too.

        Without the database they are this process's own, and database_up is 0.
        """
        is_reader = "authorization" in request.headers
        if is_reader:
            await self.access.require(request)
        database, stats = await asyncio.gather(self.readiness.check("database"), self.readiness.database_stats())
        if stats is None:
            self.metrics.clear_database_gauges()
        else:
            self._set_database_gauges(stats)
            await set_unexplained(self.metrics, self.store, self.clock)
        self.metrics.database_up.set(database.is_ok and stats is not None)
        text = self.metrics.text()
        if is_reader:  # its labels name projects
            text += await build_metrics_text(self.metrics.builds, self.store, self.clock)
        return Response(text, media_type="text/plain; version=0.0.4")

    def _set_database_gauges(self, stats: DatabaseStats) -> None:
        self.metrics.queue_depth.set(stats.backlog.depth)
        self.metrics.queue_age.set(stats.backlog.oldest_age_s)
        self.metrics.last_poll.set(stats.last_poll_s)
        self.metrics.poll_age.set(math.inf if stats.worker_silent_s is None else stats.worker_silent_s)
        seal, now = stats.seal, self.clock()
        self.metrics.seal_age.set((now - seal.sealed_at).total_seconds() if seal else math.inf)
        self.metrics.uncovered.set((now - seal.covered_until).total_seconds() if seal else math.inf)
        self.metrics.count_hook_projects(stats.last_secrets)
        for kind, count in stats.alarms.items():
            self.metrics.alarms_open.labels(kind).set(count)
        for kind, count in stats.dead_letters.items():
            self.metrics.dead_letters_present.labels(kind).set(count)


def _reason_param(parameters: QueryParams) -> str:
    """Return ``because``, or an empty text. Raises BadRequest for other parameters."""
    asked = single_valued_params(parameters)
    because = asked.pop("because", "")
    if asked:
        raise BadRequest(f"{next(iter(asked))!a} means nothing here; a reason is given as because=...")
    return because
