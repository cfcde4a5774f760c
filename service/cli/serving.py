"""Commands that run the service: serve, web, worker; and migrate, which gets its database ready."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager

import structlog

from service.app import Service, build, now_utc
from service.app.logs import configure_logs
from service.app.server import address, asked_to_end, listen, run, serving
from service.channels import AppriseChannels
from service.cli.output import AsJson, print_json, say
from service.config import Config, Settings, load, load_settings
from service.errors import BadConfig
from service.manage.checks import Grade, check_channels
from service.manage.hooks import HOOK_PATH
from service.model import Role
from service.store import Store, database_file, held, is_workable, newest_revision, revision
from service.store import migrate as bring_up_to_date

log = structlog.get_logger()


def serve() -> None:
    """Receive webhooks, judge them, tell people.

    Runs until SIGTERM or Ctrl-C, and lets what was begun end. The settings come from the environment; `roundsman check`
    says whether they are right.
    """
    config = _read()
    with _ready(config.settings, "roundsman serve"):
        service = build(config)
        run(_run(config, service, service.running()))


def web() -> None:
    """Receive webhooks and show pages; needs Postgres.

    Run as many as you like behind a load balancer; `roundsman worker` processes do the rest.
    """
    config = _read(tells=False)
    _require_postgres(config.settings, "web")
    with _ready(config.settings, "roundsman web"):
        service = build(config, role=Role.WEB)
        run(_run(config, service, service.open()))


def worker() -> None:
    """Judge deliveries and tell people; needs Postgres.

    Run as many as you like; `roundsman web` processes receive. Listens for health checks and metrics only.
    """
    config = _read()
    _require_postgres(config.settings, "worker")
    with _ready(config.settings, "roundsman worker"):
        service = build(config, role=Role.WORKER)
        run(_run(config, service, service.running(), has_door=False))


def _read(*, tells: bool = True) -> Config:
    """The configuration, its warnings logged; those of channels only where people are told: Apprise is a big import."""
    config = load(os.environ)
    configure_logs()
    for warning in config.warnings:
        log.warning(warning)
    if config.settings.circleci_token is None:
        log.warning("ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs, tests and the actor")
    if tells:
        _warn_of_channels(config)
    return config


def _warn_of_channels(config: Config) -> None:
    """Start all the same: a channel that cannot be told is no reason to tell nobody."""
    for finding in check_channels(config.receivers, AppriseChannels()):
        if finding.grade is Grade.WRONG:
            log.warning(f"{finding.what}: {finding.sentence}")


def _require_postgres(settings: Settings, role: str) -> None:
    if database_file(settings.database_url) is not None:
        raise BadConfig(
            f"roundsman {role} needs Postgres, which several processes can share: set "
            "ROUNDSMAN_DATABASE_URL=postgresql://..., or run `roundsman serve`, which does everything on SQLite"
        )


async def _run(
    config: Config, service: Service, life: AbstractAsyncContextManager[None], *, has_door: bool = True
) -> None:
    asked = asked_to_end()  # first of all: whoever reads that we listen may ask us to end
    listener = listen(config.settings.host, config.settings.port)
    hook = {"hook": f"{address(listener)}{HOOK_PATH}"} if has_door else {}
    async with life, serving(service.asgi, listener):
        log.info("roundsman is listening", address=address(listener), **hook)
        await asked.wait()
        log.info("roundsman is stopping: what was begun may end")
    log.info("roundsman has stopped")


@contextmanager
def _ready(settings: Settings, what: str) -> Iterator[None]:
    """A database to run on: SQLite's folder held and its schema brought up to date, Postgres's only looked at.

    Many processes start on one Postgres, with the release before still running: there, migrating is a step of its own.
    """
    file = database_file(settings.database_url)
    if file is None:
        asyncio.run(_require_schema(settings.database_url))
        yield
        return
    with held(file.parent, what=what, since=now_utc()):
        bring_up_to_date(settings.database_url)
        yield


async def _require_schema(database_url: str) -> None:
    store = Store(database_url)
    try:
        at, wanted = await revision(store), newest_revision()
    finally:
        await store.close()
    if not is_workable(at):
        is_at = f"the database's schema is at revision {at}, not {wanted}" if at else "the database has no schema yet"
        raise BadConfig(f"{is_at}: run `roundsman migrate` first")
    if at != wanted:
        log.warning("the database's schema is a newer release's: run that release", schema=at, ours=wanted)


def migrate(as_json: AsJson = False) -> None:
    """Bring the database's schema up to date.

    On SQLite, `roundsman serve` does this by itself when it starts.
    """
    settings = load_settings(os.environ, serving=False)
    if database_file(settings.database_url) is None:
        bring_up_to_date(settings.database_url)
    else:
        with _ready(settings, "roundsman migrate"):
            pass
    newest = newest_revision()
    print_json({"revision": newest}) if as_json else say(f"the schema is up to date, at revision {newest}")
