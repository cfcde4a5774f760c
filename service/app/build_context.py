"""Build the pipeline's context from the configuration.

Web pages and the shared job queue are built elsewhere: a command that plays history loads neither.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version

import structlog

from service.channels import AppriseChannels
from service.circleci.api.breaker import Log
from service.circleci.circleci import CircleCI
from service.circleci.webhook.signature import fingerprints_of
from service.clock import Clock, now_utc
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.database import Store
from service.message.act_links import ActLinks, ActLinkSigner
from service.metrics import Metrics
from service.model import Role
from service.pipeline.context import BatchLimits, Context, RetryPolicy
from service.queue.base import JobQueue
from service.queue.embedded import EmbeddedQueue
from service.queue.embedded_sql import JobRows
from service.queue.grace import Grace


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The parts of a context that its builder chooses.

    clock  the source of all times
    """

    store: Store
    jobs: JobQueue
    clock: Clock
    role: Role = Role.SERVE
    batch_limits: BatchLimits = field(default_factory=BatchLimits)


def build_context(config: Config, parts: Parts, *, retry_policy: RetryPolicy) -> Context:
    """Return the context of a pipeline with these parts."""
    settings, metrics = config.settings, Metrics()
    notifier = AppriseChannels(slack_url=settings.slack_url)
    notifier.redact_urls_of(config.receivers.values())
    database = "postgres" if parts.store.is_shared else "sqlite"
    metrics.expect_secrets(fingerprints_of(settings.webhook_secrets))
    metrics.build.info({"version": version("roundsman"), "database": database, "role": parts.role.value})
    return Context(
        store=parts.store,
        source=circleci(config, metrics=metrics, clock=parts.clock, log=structlog.get_logger()),
        notifier=notifier,
        jobs=parts.jobs,
        metrics=metrics,
        batch_limits=parts.batch_limits,
        routes=config.routes,
        receivers=config.receivers,
        clock=parts.clock,
        keep_for=timedelta(days=settings.keep_days),
        public_url=settings.public_url,
        retry_policy=retry_policy,
        operators=config.operators,
        seal_copies=config.seal_copies,
        known_problems=config.known_problems,
        people=config.people,
        digests=config.digests,
        budgets=config.budgets,
        projects=config.projects,
        reconcile_every=timedelta(minutes=settings.reconcile) if settings.reconcile else None,
        reconcile_calls=settings.reconcile_calls,
        act_links=_act_links(settings),
    )


def _act_links(settings: Settings) -> ActLinks | None:
    if settings.admin_token is None or settings.public_url is None:
        return None
    return ActLinks(signer=ActLinkSigner(settings.admin_token), url=settings.public_url)


def embedded_queue(store: Store, *, clock: Clock, grace: Grace | None = None) -> EmbeddedQueue:
    """Return the job queue of a database that one process has for itself."""
    return EmbeddedQueue(JobRows(store), clock=clock, grace=grace)


def circleci(config: Config, *, metrics: Metrics, clock: Clock = now_utc, log: Log | None = None) -> CircleCI:
    """Return the configured source; without a log for commands, which print errors."""
    settings = config.settings
    source = CircleCI(
        secrets=settings.webhook_secrets,
        url=settings.circleci_url,
        token=settings.circleci_token,
        admin=settings.circleci_admin_token,
        api=settings.circleci_api,
        metrics=metrics,
        clock=clock,
        log=log,
    )
    source.set_expiry(token=settings.circleci_token_ends, admin=settings.circleci_admin_token_ends)
    return source
