"""Build the service from its configuration; start and stop its parts together."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from uuid import UUID

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route

from service.channels import AppriseChannels
from service.circleci.api.breaker import Log
from service.circleci.circleci import CircleCI
from service.clock import Clock, DatabaseClock, now_utc
from service.config.channel_urls import fingerprint
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.database import Store
from service.errors import RoundsmanError
from service.health import CACHE_FOR_S, PING_EVERY_S, Heartbeat, Readiness, WatchdogPinger
from service.health.watchdog import Watchdog
from service.metrics import Metrics
from service.model import Process, Role
from service.operations.first_run import FirstRun, read_setup
from service.operations.hooks import HOOK_PATH
from service.pipeline.context import Context, RetryPolicy
from service.pipeline.receive import GroupCommitter
from service.pipeline.refusals import Refusals
from service.pipeline.steps import PRUNE_EVERY_S, SWEEP_EVERY_S, Pipeline
from service.queue.base import JobQueue
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from service.queue.handlers import Handler
from service.queue.procrastinate import ProcrastinateQueue
from service.queue.procrastinate_sql import ProcrastinateRows
from service.web.api import Api
from service.web.auth.access import Access
from service.web.clean_text import CleanTextMiddleware
from service.web.errors import ErrorHandler, html_or_json_error, json_error
from service.web.misrouted_webhooks import record_misrouted_webhooks
from service.web.pages.pages import Pages
from service.web.private_responses import PrivateResponseMiddleware
from service.web.request_log import RequestLogMiddleware
from service.web.webhook import WebhookEndpoint

__all__ = ["Service", "build", "circleci", "job_engine", "now_utc"]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Roundsman: the ASGI app, and the parts that other modules may use."""

    asgi: Starlette
    context: Context
    pipeline: Pipeline
    committer: GroupCommitter
    heartbeat: Heartbeat
    first_run: FirstRun
    watchdog: Watchdog | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run queue jobs while the block runs; then finish those begun, close all parts.

        A worker that fails ends the block too: a process that stores webhooks and judges none would look healthy.
        """
        context, pipeline = self.context, self.pipeline
        async with self.open(), asyncio.TaskGroup() as group:
            group.create_task(context.jobs.run(self._handlers(), pipeline.failed))
            try:
                yield
            finally:
                context.jobs.stop()

    def _handlers(self) -> dict[str, Handler]:
        """Return the queue job handlers; each waits while posts wait to be stored."""

        async def throttled_by_webhook(handler: Handler, subject_id: UUID) -> None:
            await self.committer.wait_for_idle()
            await handler(subject_id)

        return {kind: partial(throttled_by_webhook, handler) for kind, handler in self.pipeline.handlers.items()}

    def reload(self, config: Config) -> None:
        """Apply new secrets, routes and receivers. Raises BadConfig and changes nothing.

        They are used from the next post and the next queue job on; a running queue job keeps its routes.
        """
        settings = config.settings
        if isinstance(self.context.source, CircleCI):
            self.context.source.replace_credentials(secrets=settings.webhook_secrets, token=settings.circleci_token)
        if isinstance(self.context.notifier, AppriseChannels):
            self.context.notifier.redact_urls_of(config.receivers.values())
        self.pipeline.reload(routes=config.routes, receivers=config.receivers)
        self.first_run.reload(config)
        self.heartbeat.set_channels(fingerprint(config.receivers.values()))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer requests while the block runs, without a worker; then close all parts."""
        try:
            async with self._heartbeat_running():
                yield
        finally:
            for part in (self.context.notifier, self.context.late_sends, self.context.source, self.context.store):
                await part.close()

    @asynccontextmanager
    async def _heartbeat_running(self) -> AsyncIterator[None]:
        """Write heartbeats while the block runs, if processes share the database.

        The first one sets the clock before any row gets a time.
        """
        if not self.context.store.is_shared:
            yield
            return
        await self.heartbeat.try_beat()
        task = asyncio.create_task(self.heartbeat.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    retry_policy: RetryPolicy | None = None,
    role: Role = Role.SERVE,
    cache_checks_for_s: float = CACHE_FOR_S,
) -> Service:
    """Build a service; a worker has no webhook and no pages, only health endpoints.

    clock   the source of all times; default: the clock of the store. A DatabaseClock becomes the clock of the store
    """
    context = _context(config, clock=clock, retry_policy=retry_policy or RetryPolicy(), role=role)
    pipeline = Pipeline(context)
    context.jobs.schedule(SWEEP_EVERY_S, pipeline.sweep)
    context.jobs.schedule(PRUNE_EVERY_S, pipeline.prune)
    committer = GroupCommitter(context.store, context.jobs)
    heartbeat = Heartbeat(
        context.store, Process(role=role, channels=context.channels), clock=context.clock, metrics=context.metrics
    )
    readiness = Readiness(
        context.store, context.jobs, heartbeat=heartbeat, clock=context.clock, cache_for_s=cache_checks_for_s
    )
    watchdog = Watchdog(config.settings.watchdog_url) if config.settings.watchdog_url else None
    if watchdog is not None:
        context.jobs.schedule(PING_EVERY_S, WatchdogPinger(readiness, watchdog).ping)
    first_run = FirstRun(context.store, read_setup(config))
    asgi = _asgi(config, context, readiness, committer if role.receives else None, first_run=first_run)
    return Service(
        asgi=asgi,
        context=context,
        pipeline=pipeline,
        committer=committer,
        heartbeat=heartbeat,
        first_run=first_run,
        watchdog=watchdog,
    )


def _context(config: Config, *, clock: Clock | None, retry_policy: RetryPolicy, role: Role) -> Context:
    settings, metrics = config.settings, Metrics()
    notifier = AppriseChannels()
    notifier.redact_urls_of(config.receivers.values())
    store = Store(settings.database_url, clock=clock if isinstance(clock, DatabaseClock) else None)
    clock = clock or store.clock
    database = "postgres" if store.is_shared else "sqlite"
    metrics.expect_secrets(len(settings.webhook_secrets))
    metrics.build.info({"version": version("roundsman"), "database": database, "role": role.value})
    return Context(
        store=store,
        source=circleci(config, metrics=metrics, clock=clock, log=structlog.get_logger()),
        notifier=notifier,
        jobs=job_engine(settings, store, clock=clock),
        metrics=metrics,
        routes=config.routes,
        receivers=config.receivers,
        clock=clock,
        keep_for=timedelta(days=settings.keep_days),
        public_url=settings.public_url,
        retry_policy=retry_policy,
    )


def job_engine(settings: Settings, store: Store, *, clock: Clock | None = None) -> JobQueue:
    """Return the job queue: its jobs are rows of this database, on the store's clock."""
    clock = clock or store.clock
    if store.is_shared:
        return ProcrastinateQueue(settings.database_url, ProcrastinateRows(store), clock=clock)
    jobs = EmbeddedQueue(JobRows(store), clock=clock)
    store.after_commit(jobs.wake)
    return jobs


def _asgi(
    config: Config, context: Context, readiness: Readiness, committer: GroupCommitter | None, *, first_run: FirstRun
) -> Starlette:
    """Return the ASGI app; without a committer it has only health endpoints."""
    settings, clock = config.settings, context.clock
    access = _access(settings, context)
    api = Api(
        store=context.store, jobs=context.jobs, access=access, metrics=context.metrics, clock=clock, readiness=readiness
    )
    if committer is None:
        return _starlette(api.health_routes(), context, json_error)
    pages = Pages(store=context.store, jobs=context.jobs, access=access, clock=clock, first_run=first_run)
    refusals = Refusals(context.store)
    webhook = WebhookEndpoint(
        context.source, committer=committer, refusals=refusals, metrics=context.metrics, clock=clock
    )
    receive = partial(webhook.receive, max_body_bytes=settings.max_body_bytes)
    hook = Route(HOOK_PATH, receive, methods=["POST"])
    # CircleCI follows no redirect: a URL with a slash at its end must not lose every webhook
    slashed = Route(f"{HOOK_PATH}/", receive, methods=["POST"], include_in_schema=False)
    answer = record_misrouted_webhooks(html_or_json_error(pages), refusals, clock=clock)
    return _starlette([hook, slashed, *api.routes(), *pages.routes()], context, answer)


def _access(settings: Settings, context: Context) -> Access:
    """Return the access control; without an admin token, a random secret one."""
    return Access(
        admin_token=settings.admin_token or secrets.token_hex(32),
        public_url=settings.public_url,
        clock=context.clock,
        store=context.store,
        metrics=context.metrics,
    )


def _starlette(routes: Sequence[BaseRoute], context: Context, answer: ErrorHandler) -> Starlette:
    handlers = dict.fromkeys((RoundsmanError, HTTPException, ClientDisconnect, 500), answer)
    middleware = [
        Middleware(RequestLogMiddleware, metrics=context.metrics),
        Middleware(PrivateResponseMiddleware),
        Middleware(CleanTextMiddleware),
    ]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    app.router.redirect_slashes = False  # a redirect would use the Host header, which may name any host
    return app


def circleci(config: Config, *, metrics: Metrics, clock: Clock = now_utc, log: Log | None = None) -> CircleCI:
    """Return the configured source; without a log for commands, which print errors."""
    settings = config.settings
    return CircleCI(
        secrets=settings.webhook_secrets,
        url=settings.circleci_url,
        token=settings.circleci_token,
        metrics=metrics,
        clock=clock,
        log=log,
    )
