"""The assembly: which implementation serves which part, and how they start and stop together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from service.access import Access
from service.api import Api
from service.app.errors import answer_error
from service.channels import AppriseChannels
from service.config import Config, Settings
from service.errors import BadConfig, RoundsmanError
from service.intake import Intake
from service.jobs import EmbeddedJobs
from service.metrics import Metrics
from service.pages import Pages
from service.pipeline import SWEEP_EVERY_S, Parts, Patience, Pipeline
from service.sources.circleci import CircleCI
from service.store import JobRows, Store, database_file


def now_utc() -> datetime:
    """The clock on the wall, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One running Roundsman: the ASGI app, and the parts that outsiders may look at."""

    asgi: Starlette
    parts: Parts
    pipeline: Pipeline

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work off what is due while the block runs; then end what was begun and let everything go.

        Whoever enters holds the data folder: what was being sent when the last process stopped is taken up again.
        """
        parts, pipeline = self.parts, self.pipeline
        await pipeline.recover()
        worker = asyncio.create_task(parts.jobs.run(pipeline.handlers, pipeline.failed))
        try:
            yield
        finally:
            parts.jobs.stop()
            await worker
            for part in (parts.notifier, parts.source, parts.store):
                await part.close()


def build(config: Config, *, clock: Callable[[], datetime] = now_utc, patience: Patience | None = None) -> Service:
    """Put a service together for one process with an embedded database. Raises BadConfig."""
    parts = _parts(config, clock=clock, patience=patience or Patience())
    pipeline = Pipeline(parts)
    parts.jobs.every(SWEEP_EVERY_S, pipeline.sweep)
    return Service(asgi=_asgi(config, parts), parts=parts, pipeline=pipeline)


def _parts(config: Config, *, clock: Callable[[], datetime], patience: Patience) -> Parts:
    settings, metrics = config.settings, Metrics()
    embedded(settings)
    store = Store(settings.database_url)
    jobs = EmbeddedJobs(JobRows(store), clock=clock)
    store.after_commit(jobs.wake)
    return Parts(
        store=store,
        source=circleci(config, metrics=metrics, clock=clock),
        notifier=AppriseChannels(),
        jobs=jobs,
        metrics=metrics,
        routes=config.routes,
        receivers=config.receivers,
        clock=clock,
        public_url=settings.public_url,
        patience=patience,
    )


def embedded(settings: Settings) -> Path:
    """The file of the database. Raises BadConfig for a database that this release has no engine for."""
    file = database_file(settings.database_url)
    if file is None:
        raise BadConfig(
            "ROUNDSMAN_DATABASE_URL: this release keeps everything in SQLite; use sqlite:///data/roundsman.db"
        )
    return file


def _asgi(config: Config, parts: Parts) -> Starlette:
    settings, clock = config.settings, parts.clock
    access = Access(admin_token=settings.admin_token, public_url=settings.public_url, clock=clock)
    api = Api(store=parts.store, jobs=parts.jobs, access=access, metrics=parts.metrics, clock=clock)
    pages = Pages(store=parts.store, jobs=parts.jobs, access=access, clock=clock, public_url=settings.public_url)
    intake = Intake(parts.source, store=parts.store, jobs=parts.jobs, metrics=parts.metrics, clock=clock)
    receive = partial(intake.receive, max_body_bytes=settings.max_body_bytes)
    hook = Route("/hooks/circleci", receive, methods=["POST"])
    return Starlette(
        routes=[hook, *api.routes(), *pages.routes()],
        exception_handlers={RoundsmanError: answer_error, HTTPException: answer_error, 500: answer_error},
    )


def circleci(config: Config, *, metrics: Metrics, clock: Callable[[], datetime] = now_utc) -> CircleCI:
    """The source, as configured."""
    settings = config.settings
    return CircleCI(
        secrets=settings.webhook_secrets,
        url=settings.circleci_url,
        token=settings.circleci_token,
        metrics=metrics,
        clock=clock,
    )
