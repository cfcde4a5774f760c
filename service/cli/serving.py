"""Commands that run the service or get it ready: serve, migrate, check, demo, version."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import structlog
import typer

from service.app import Service, build, circleci, now_utc
from service.app.logs import configure_logs
from service.app.server import address, listen, serving, until_signalled
from service.channels import AppriseChannels
from service.cli.output import AsJson, print_json, say
from service.config import Config, load, load_settings
from service.demo import stage
from service.manage.checks import Finding, check_channels, check_token
from service.metrics import Metrics
from service.store import data_folder, held
from service.store import migrate as bring_up_to_date

log = structlog.get_logger()


def serve() -> None:
    """Receive webhooks, judge them, tell people; until it is stopped."""
    config = load(os.environ)
    configure_logs()
    for warning in config.warnings:
        log.warning(warning)
    if config.settings.circleci_token is None:
        log.warning("ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs, tests and the actor")
    with _folder_held(config.settings.database_url, "roundsman serve"):
        bring_up_to_date(config.settings.database_url)
        asyncio.run(_serve(build(config), config))


async def _serve(service: Service, config: Config) -> None:
    listener = listen(config.settings.host, config.settings.port)
    async with service.running(), serving(service.asgi, listener):
        log.info("roundsman is listening", address=address(listener), hook=f"{address(listener)}/hooks/circleci")
        await until_signalled()
        log.info("roundsman is stopping: what was begun may end")


@contextmanager
def _folder_held(database_url: str, what: str) -> Iterator[None]:
    folder = data_folder(database_url)
    if folder is None:
        yield
        return
    with held(folder, what=what, since=now_utc()):
        yield


def migrate() -> None:
    """Bring the database's schema up to date; `serve` does this by itself."""
    database_url = load_settings(os.environ, serving=False).database_url
    with _folder_held(database_url, "roundsman migrate"):
        bring_up_to_date(database_url)
    say("the schema is up to date")


def check(as_json: AsJson = False) -> None:
    """Say what is wrong with the configuration, and try the token and every channel's URL; nothing is sent."""
    config = load(os.environ)
    findings = asyncio.run(_findings(config))
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "warnings": list(config.warnings)})
    else:
        _print_findings(config, findings)
    if not all(finding.is_right for finding in findings):
        raise typer.Exit(1)


async def _findings(config: Config) -> list[Finding]:
    source, channels = circleci(config, metrics=Metrics()), AppriseChannels()
    try:
        token = await check_token(source, has_token=config.settings.circleci_token is not None)
    finally:
        await source.close()
    return [token, *check_channels(config.receivers, channels)]


def _print_findings(config: Config, findings: list[Finding]) -> None:
    say(f"{config.settings.config}: {len(config.routes)} routes to {len(config.receivers)} receivers, well formed")
    for warning in config.warnings:
        say(f"warning  {warning}", "yellow")
    for finding in findings:
        mark, style = ("right  ", "green") if finding.is_right else ("wrong  ", "red")
        say(f"{mark}  {finding.what}: {finding.sentence}", style)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself after the day, with a summary.")] = False,
    port: Annotated[int, typer.Option(help="Where the pages are; 0 takes any free port.")] = 8000,
    folder: Annotated[
        Path | None, typer.Option(help="Where to keep the demo's data; a fresh folder if not given.")
    ] = None,
) -> None:
    """Live a small organisation's day in a minute: a pretend CircleCI, the real service, an inbox."""
    raise typer.Exit(asyncio.run(stage.run(once=once, port=port, folder=folder)))


def version() -> None:
    """Say which release this is."""
    say(f"roundsman {installed_version('roundsman')}")
