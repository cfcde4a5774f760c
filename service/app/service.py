"""Build the service from its configuration; start and stop its parts together."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from starlette.applications import Starlette

from service.app.asgi import health_app, receiving_app
from service.app.assistants import Assistants, answer_assistants
from service.app.build_context import Parts, build_context
from service.app.credentials import replace_credentials
from service.app.job_engines import job_engine, make_wake_ups
from service.app.limits import Limits
from service.app.looks import Looks, ping_watchdog, schedule_looks
from service.app.other_routes import other_routes, span_routes
from service.channels import AppriseChannels
from service.circleci.webhook.signature import fingerprints_of
from service.clock import Clock, DatabaseClock, now_utc
from service.config.channel_urls import fingerprint
from service.config.configuration import Config
from service.config.setting_values import named_tokens
from service.config.settings import Settings
from service.db.database import Store
from service.health import Heartbeat, Readiness
from service.health.watchdog import Watchdog
from service.model import Process, Role
from service.oidc.provider import Provider, oidc_client
from service.operations.builds.build_files import BuildFiles
from service.operations.health.first_run import FirstRun, read_setup
from service.operations.health.health_page import read_setting
from service.operations.overviews.now import Setting
from service.operations.test_history.tests_page import TestsCache
from service.pipeline.context import Context, RetryPolicy
from service.pipeline.lanes.leases import finish_sends
from service.pipeline.receive import GroupCommitter
from service.pipeline.refusals import Refusals
from service.pipeline.steps import (
    ASK_EVERY_S,
    DIGEST_EVERY_S,
    EDIT_EVERY_S,
    EXPIRE_EVERY_S,
    LOOK_EVERY_S,
    PRUNE_EVERY_S,
    RECONCILE_EVERY_S,
    REMIND_EVERY_S,
    SEAL_EVERY_S,
    SWEEP_EVERY_S,
    WATCH_EVERY_S,
    Pipeline,
)
from service.pipeline.worker import RowWorker, WorkerLimits
from service.queue.handlers import Handler
from service.queue.wakeups import DELIVERIES, JOBS, PAGES, WakeUps
from service.store.reports.changes import read_version
from service.web.api import Api
from service.web.auth.access import Access
from service.web.auth.header_users import HeaderUsers
from service.web.auth.oidc_login import OidcLogin
from service.web.build_acts import ActingSource
from service.web.live.changes import Changes
from service.web.otlp.tokens import SpanTokens
from service.web.pages.context import PageContext, PageLimits
from service.web.pages.health_facts import HealthFacts, HealthParts
from service.web.pages.pages import Pages
from service.web.request_body import BodyReader
from service.web.server.proxies import TrustedProxies
from service.web.webhook import WebhookEndpoint

__all__ = ["Service", "build", "now_utc"]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One Roundsman: the ASGI app, and the parts that other modules may use."""

    asgi: Starlette
    context: Context
    pipeline: Pipeline
    committer: GroupCommitter
    heartbeat: Heartbeat
    first_run: FirstRun
    health: HealthFacts
    looks: Looks
    changes: Changes | None = None
    wake_ups: WakeUps | None = None
    watchdog: Watchdog | None = None
    assistants: Assistants | None = None
    span_tokens: SpanTokens = field(default_factory=lambda: SpanTokens(()))
    worker_limits: WorkerLimits = field(default_factory=WorkerLimits)
    row_workers: list[RowWorker] = field(default_factory=list)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the block runs; then finish what was begun, and close all parts.

        A worker that fails ends the block too: a process that stores webhooks and judges none would look healthy.
        """
        worker = RowWorker(self.pipeline, committer=self.committer, limits=self.worker_limits)
        self.row_workers.append(worker)
        self.context.store.on_due(worker.wake)
        async with self.open():
            async with self._wake_ups_to(worker), asyncio.TaskGroup() as group:
                group.create_task(self.context.jobs.run(self._handlers(), self.pipeline.failed))
                group.create_task(worker.run())
                try:
                    yield
                finally:
                    self.stop()
            await finish_sends(self.context)

    def stop(self) -> None:
        """Begin nothing new, and end streams; the grace time of sends begins."""
        if self.changes is not None:
            self.changes.stop()
        for worker in self.row_workers:
            worker.stop()
        self.context.jobs.stop()
        self.context.late_sends.stop(grace=self.context.retry_policy.send_grace)

    @asynccontextmanager
    async def _wake_ups_to(self, worker: RowWorker) -> AsyncIterator[None]:
        """Hand on the wake-ups of other processes while the block runs."""
        listeners = {DELIVERIES: worker.wake, JOBS: self.context.jobs.wake}
        async with _in_background(self.wake_ups.run_listener(listeners) if self.wake_ups else None):
            yield

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
        fingerprints = replace_credentials(self.context, config.settings)
        self.span_tokens.replace(config.settings.otlp_token)
        if isinstance(self.context.notifier, AppriseChannels):
            self.context.notifier.redact_urls_of(config.receivers.values())
        self.pipeline.reload(
            routes=config.routes,
            receivers=config.receivers,
            operators=config.operators,
            seal_copies=config.seal_copies,
            known_problems=config.known_problems,
            people=config.people,
            digests=config.digests,
            budgets=config.budgets,
            projects=config.projects,
        )
        self.first_run.reload(config)
        self.health.reload(config)
        self.looks.reload(config)
        self.heartbeat.set_configuration(channels=fingerprint(config.receivers.values()), secrets=fingerprints)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Answer requests while the block runs, without a worker; then close all parts."""
        try:
            async with (
                self._heartbeat_running(),
                _in_background(self.wake_ups.run_sender() if self.wake_ups else None),
                self._pages_live(),
                self.assistants.running() if self.assistants else nullcontext(),
            ):
                yield
        finally:
            for part in (self.context.notifier, self.context.source, self.context.store):
                await part.close()

    @asynccontextmanager
    async def _pages_live(self) -> AsyncIterator[None]:
        """Tell open pages of changes while the block runs, those of other processes too."""
        if self.changes is None:
            yield
            return
        listening = self.wake_ups.run_listener({PAGES: self.changes.wake}) if self.wake_ups else None
        async with _in_background(self.changes.run()), _in_background(listening):
            yield

    @asynccontextmanager
    async def _heartbeat_running(self) -> AsyncIterator[None]:
        """Write heartbeats while the block runs, if processes share the database.

        The first one sets the clock before any row gets a time.
        """
        if not self.context.store.is_shared:
            yield
            return
        await self.heartbeat.try_beat()
        async with _in_background(self.heartbeat.run()):
            yield


@asynccontextmanager
async def _in_background(work: Coroutine[Any, Any, None] | None) -> AsyncIterator[None]:
    """Run work, if there is any, until the block ends."""
    task = asyncio.create_task(work) if work else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def build(  # noqa: PLR0913 - tests and the demo replace one part each
    config: Config,
    *,
    clock: Clock | None = None,
    retry_policy: RetryPolicy | None = None,
    role: Role = Role.SERVE,
    limits: Limits | None = None,
    session_clock: Clock | None = None,
) -> Service:
    """Build a service; a worker has no webhook and no pages, only health endpoints.

    clock          the source of all times; default: the clock of the store. A DatabaseClock becomes the store's clock
    session_clock  another one for logins and sessions, where the first shows invented times
    """
    limits = limits or Limits()
    context = _context(config, clock=clock, retry_policy=retry_policy or RetryPolicy(), role=role, limits=limits)
    wake_ups = make_wake_ups(config.settings, context)
    committer = limits.committer(context.store, announce=wake_ups.send if wake_ups else None, limits=limits.intake)
    context = replace(context, has_burst=lambda: committer.has_burst)
    pipeline = _schedule(Pipeline(context))
    heartbeat = _heartbeat(context, role, config.settings)
    readiness = Readiness(context.store, context.jobs, heartbeat=heartbeat, clock=context.clock, limits=limits.checks)
    watchdog = ping_watchdog(config.settings, context.jobs, readiness)
    first_run, health = FirstRun(read_setup(config)), _health(config, context, readiness)
    access = _access(config.settings, context, session_clock or context.clock)
    api, span_tokens = _api(access, pipeline, readiness), SpanTokens(config.settings.otlp_token)
    asgi, changes = health_app(api), _changes(context, limits) if role.receives else None
    assistants = answer_assistants(config.settings, access, context) if role.receives else None
    if changes is not None:
        webhook = _webhook(context, committer, limits)
        pages = _pages(pipeline, api, first_run, health, limits=limits.pages)
        others = other_routes(config.settings, context, access, changes, assistants=assistants)
        others += span_routes(span_tokens, context)
        asgi = receiving_app(api, webhook, pages, others, max_body_bytes=config.settings.max_body_bytes)
    return Service(
        asgi=asgi,
        context=context,
        pipeline=pipeline,
        committer=committer,
        heartbeat=heartbeat,
        first_run=first_run,
        health=health,
        looks=schedule_looks(config, pipeline),
        changes=changes,
        wake_ups=wake_ups,
        watchdog=watchdog,
        assistants=assistants,
        span_tokens=span_tokens,
        worker_limits=limits.worker,
    )


def _heartbeat(context: Context, role: Role, settings: Settings) -> Heartbeat:
    process = Process(role=role, channels=context.channels, secrets=fingerprints_of(settings.webhook_secrets))
    return Heartbeat(context.store, process, clock=context.clock, metrics=context.metrics)


def _changes(context: Context, limits: Limits) -> Changes:
    """Return the changes for open pages; every commit may be one."""
    changes = Changes(partial(context.store.read, read_version), limits.live)
    context.store.after_commit(changes.wake)
    return changes


def _schedule(pipeline: Pipeline) -> Pipeline:
    """Have the periodic steps run."""
    jobs = pipeline.context.jobs
    jobs.schedule(SWEEP_EVERY_S, pipeline.sweep)
    jobs.schedule(SEAL_EVERY_S, pipeline.seal)
    jobs.schedule(PRUNE_EVERY_S, pipeline.prune)
    jobs.schedule(EXPIRE_EVERY_S, pipeline.expire_incidents)
    jobs.schedule(ASK_EVERY_S, pipeline.ask_projects)
    jobs.schedule(EDIT_EVERY_S, pipeline.edit_living)
    jobs.schedule(WATCH_EVERY_S, pipeline.watch_alarms)
    jobs.schedule(REMIND_EVERY_S, pipeline.remind)
    jobs.schedule(DIGEST_EVERY_S, pipeline.plan_digests)
    jobs.schedule(RECONCILE_EVERY_S, pipeline.reconcile)
    jobs.schedule(LOOK_EVERY_S, pipeline.look_at_guards)
    return pipeline


def _context(config: Config, *, clock: Clock | None, retry_policy: RetryPolicy, role: Role, limits: Limits) -> Context:
    shared_clock = clock if isinstance(clock, DatabaseClock) else None
    store = Store(config.settings.database_url, clock=shared_clock, max_wait_s=limits.transaction_wait_s)
    jobs = job_engine(config.settings, store, clock=clock, send_grace=retry_policy.send_grace)
    parts = Parts(store=store, jobs=jobs, clock=clock or store.clock, role=role, batch_limits=limits.batches)
    return build_context(config, parts, retry_policy=retry_policy)


def _api(access: Access, pipeline: Pipeline, readiness: Readiness) -> Api:
    context = pipeline.context
    return Api(
        store=context.store,
        jobs=context.jobs,
        access=access,
        metrics=context.metrics,
        clock=context.clock,
        readiness=readiness,
        known_problems=lambda: pipeline.context.known_problems,
        acting=ActingSource(source=context.source, links=context.act_links),
    )


def _access(settings: Settings, context: Context, clock: Clock) -> Access:
    """Return the access control; without an admin token, a random secret one."""
    admin_token = settings.admin_token or secrets.token_hex(32)
    access = Access(
        admin_token=admin_token,
        public_url=settings.public_url,
        clock=clock,
        store=context.store,
        metrics=context.metrics,
        read_token=settings.read_token,
        operator_tokens=named_tokens(settings.operator_tokens),
        header_users=HeaderUsers(
            header=settings.user_header,
            groups_header=settings.groups_header,
            proxies=TrustedProxies(settings.trusted_networks),
            rules=settings.role_rules,
        ),
    )
    if client := oidc_client(settings):
        provider = Provider(client, clock=clock)
        access.oidc = OidcLogin(provider, admin_token=admin_token, clock=clock, is_secure=access.is_secure)
    return access


def _webhook(context: Context, committer: GroupCommitter, limits: Limits) -> WebhookEndpoint:
    return WebhookEndpoint(
        source=context.source,
        committer=committer,
        refusals=Refusals(context.store, limits.refusals),
        metrics=context.metrics,
        clock=context.clock,
        body_reader=BodyReader(limits.bodies),
    )


def _health(config: Config, context: Context, readiness: Readiness) -> HealthFacts:
    parts = HealthParts(readiness=readiness, source=context.source, notifier=context.notifier)
    return HealthFacts(read_setting(config), parts)


def _pages(pipeline: Pipeline, api: Api, first_run: FirstRun, health: HealthFacts, *, limits: PageLimits) -> Pages:
    context = pipeline.context
    return Pages(
        PageContext(
            store=context.store,
            jobs=context.jobs,
            access=api.access,
            clock=context.clock,
            first_run=first_run,
            build_files=BuildFiles(source=context.source, clock=context.clock),
            health=health,
            known_problems=api.known_problems,
            acting=api.acting,
            setting=lambda: Setting(routes=pipeline.context.routes, people=pipeline.context.people),
            tests=TestsCache(api.judged),
            limits=limits,
        )
    )
