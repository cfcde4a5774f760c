"""Commands that run the service: serve, web, worker, and migrate before them."""

import asyncio
import os
import socket
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.metadata import version
from typing import Annotated

import structlog
import typer

from service.app.reload import Reloader
from service.app.secret_files import SecretFiles
from service.app.service import Service, build
from service.app.systemd import READY, STOPPING, ServiceManager
from service.channels import AppriseChannels
from service.cli._login import show_login, with_admin_token
from service.cli._output import AsJson, print_json, say
from service.cli._retry import retry_while_temporary
from service.cli._signals import HANGUPS
from service.cli._startup import log_failures, prepared_database
from service.config.configuration import Config, load
from service.config.env import load_settings
from service.config.settings import Settings
from service.db.data_folder import database_file
from service.db.migrate import migrate as bring_up_to_date
from service.db.revisions import newest_revision
from service.db.startup import look_up_revision
from service.errors import BadConfig
from service.logs import set_log_level
from service.model import Role
from service.operations.checks.checks import LACKING_DETAILS, Grade, check_channels
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.web.server.server import listen, listener_url, run, serving, shutdown_event

MAX_WAIT_S = 604_800  # a week

log = structlog.get_logger()


def serve() -> None:
    """Receive webhooks, judge them, tell people.

    Runs until SIGTERM or Ctrl-C, and lets what was begun end. The settings come from the environment; `roundsman check`
    says whether they are right. SIGHUP reads roundsman.yaml and the files of secrets again; a changed file of a secret
    is noticed within a minute.
    """
    _run_as(Role.SERVE)


def web() -> None:
    """Receive webhooks and show pages; needs Postgres.

    Run as many as you like behind a load balancer; `roundsman worker` processes do the rest.
    """
    _run_as(Role.WEB)


def worker() -> None:
    """Judge deliveries and tell people; needs Postgres.

    Run as many as you like; `roundsman web` processes receive. Listens for health checks and metrics only.
    """
    _run_as(Role.WORKER)


def _run_as(role: Role) -> None:
    """Run a process of this role to its end."""
    with log_failures():
        config, manager = _read(role), ServiceManager(os.environ)
        set_log_level(config.settings.log_level)
        if role is not Role.SERVE:
            _require_postgres(config.settings, role)
        with prepared_database(config.settings.database_url, f"roundsman {role}", manager):
            run(_serve_until_stopped(role, config, manager))


def _read(role: Role) -> Config:
    """Load the configuration, and log its warnings."""
    config = load(os.environ, has_pages=role.receives)
    for warning in config.warnings:
        log.warning(warning)
    if config.settings.circleci_token is None:
        log.info(LACKING_DETAILS)  # the operator's choice: `check` calls it a note
    return config


def _read_again(role: Role) -> Config:
    """Load the configuration again. Raises BadConfig, for an invalid channel URL too.

    The channels that work stay in use.
    """
    config = _read(role)
    if problems := _wrong_channels(role, config):
        raise BadConfig(*problems)
    return config


def _warn_of_channels(role: Role, config: Config) -> None:
    """Log each invalid channel URL; the service runs, to notify the other channels.

    At a start beside the first posts: Apprise is a big import.
    """
    for problem in _wrong_channels(role, config):
        log.warning(problem)


def _wrong_channels(role: Role, config: Config) -> list[str]:
    """Return a sentence for each invalid channel URL, in the roles that send messages."""
    if role is Role.WEB:
        return []
    findings = check_channels(config.receivers, AppriseChannels())
    return [f"{finding.what}: {finding.sentence}" for finding in findings if finding.grade is Grade.WRONG]


def _require_postgres(settings: Settings, role: Role) -> None:
    if database_file(settings.database_url) is not None:
        raise BadConfig(
            f"roundsman {role} needs Postgres, which several processes can share: set "
            "ROUNDSMAN_DATABASE_URL=postgresql://..., or run `roundsman serve`, which does everything on SQLite"
        )


async def _serve_until_stopped(role: Role, config: Config, manager: ServiceManager) -> None:
    """Serve until SIGTERM or Ctrl-C; read the settings again at each SIGHUP."""
    asked = shutdown_event()  # before the log says that we listen: a signal may follow at once
    listener = listen(config.settings.host, config.settings.port)
    service = build(with_admin_token(config) if role is Role.SERVE else config, role=role)
    reloading = Reloader(service, config.settings, partial(_read_again, role), files=SecretFiles(os.environ))
    with HANGUPS.as_event() as hung_up:
        async with _running_service(role, service), _http_server(service, listener, config.settings):
            tasks = [
                asyncio.create_task(reloading.run(hung_up, manager)),
                asyncio.create_task(asyncio.to_thread(_warn_of_channels, role, config)),
            ]
            log.info("roundsman is listening", **_log_fields(role, config), **_addresses(role, config, listener))
            if role.receives and config.settings.admin_token is None:
                show_login(config.settings, config.settings.public_url or listener_url(listener))
            manager.notify(READY)
            await asked.wait()
            manager.notify(STOPPING)
            for task in tasks:
                task.cancel()
            service.stop()  # before the server ends: its callers may take seconds, and no job begins meanwhile
            log.info("roundsman is stopping: what was begun may end")
    log.info("roundsman has stopped")


def _http_server(service: Service, listener: socket.socket, settings: Settings) -> AbstractAsyncContextManager[str]:
    def count(limit: str) -> None:
        service.context.metrics.connections_refused.labels(limit).inc()

    return serving(service.asgi, listener, trusted_proxies=settings.trusted_networks, on_refusal=count)


def _running_service(role: Role, service: Service) -> AbstractAsyncContextManager[None]:
    """Run the part of the service that this role needs."""
    return service.open() if role is Role.WEB else service.running()


def _log_fields(role: Role, config: Config) -> dict[str, object]:
    return {
        "version": version("roundsman"),
        "role": role.value,
        "database": "sqlite" if database_file(config.settings.database_url) else "postgres",
        "routes": len(config.routes),
        "receivers": len(config.receivers),
    }


def _addresses(role: Role, config: Config, listener: socket.socket) -> dict[str, str]:
    """Return the address that the process listens on, and the one for hooks.

    The latter is the one that CircleCI must be given, where our public address is known.
    """
    here = listener_url(listener)
    hook = f"{config.settings.public_url or here}{HOOK_PATH}"
    return {"address": here, "hook": hook} if role.receives else {"address": here}


def migrate(
    as_json: AsJson = False,
    wait: Annotated[
        int,
        typer.Option(metavar="SECONDS", min=0, max=MAX_WAIT_S, help="Try again for so long while Postgres is away."),
    ] = 60,
) -> None:
    """Bring the database's schema up to date.

    On SQLite, `roundsman serve` does this by itself when it starts.
    """
    settings = load_settings(os.environ, serving=False)
    manager = ServiceManager(os.environ)
    if database_file(settings.database_url) is None:
        retry_while_temporary(lambda: look_up_revision(settings.database_url), manager, within_s=wait)
        bring_up_to_date(settings.database_url)
    else:
        with prepared_database(settings.database_url, "roundsman migrate", manager):
            pass
    newest = newest_revision()
    print_json({"revision": newest}) if as_json else say(f"the schema is up to date, at revision {newest}")
