"""Commands that try things without serving: check, demo, inbox, version."""

import asyncio
import os
from collections.abc import Sized
from dataclasses import asdict
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from service.app import circleci
from service.app.server import asked_to_end, listen, serving
from service.channels import AppriseChannels
from service.cli.output import AsJson, console, print_json, say
from service.config import Config, load
from service.demo import stage
from service.demo.inbox import Inbox
from service.manage.checks import (
    Finding,
    Grade,
    check_channels,
    check_database,
    check_folder,
    check_port,
    check_public_url,
    check_token,
    running,
)
from service.metrics import Metrics

STYLES = {Grade.RIGHT: "green", Grade.NOTE: "yellow", Grade.WRONG: "red"}


def check(as_json: AsJson = False) -> None:
    """Say whether `serve` would start, without starting it.

    Reads the settings and roundsman.yaml, tries the data folder and the port, looks at the database, asks CircleCI
    whose token it is, and reads every channel's URL; nothing is sent, and nothing stays behind. Exit code 1 when
    something is wrong, 2 when `serve` would refuse the configuration.
    """
    config = load(os.environ)
    findings = asyncio.run(_findings(config))
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "warnings": list(config.warnings)})
    else:
        _print_findings(config, findings)
    if any(finding.grade is Grade.WRONG for finding in findings):
        raise typer.Exit(1)


async def _findings(config: Config) -> list[Finding]:
    settings, source = config.settings, circleci(config, metrics=Metrics())
    here = [*check_folder(settings.database_url), await check_database(settings.database_url)]
    if not running(settings.database_url):  # whoever runs has the port, and ought to
        here.append(
            check_port(lambda: listen(settings.host, settings.port).close(), f"{settings.host} port {settings.port}")
        )
    try:
        token = await check_token(source, has_token=settings.circleci_token is not None)
    finally:
        await source.close()
    return [*here, check_public_url(settings.public_url), token, *check_channels(config.receivers, AppriseChannels())]


def _print_findings(config: Config, findings: list[Finding]) -> None:
    say(f"{config.settings.config}: {_counted(config.routes, 'route')}, {_counted(config.receivers, 'receiver')}")
    for warning in config.warnings:
        say(f"warning  {warning}", "yellow")
    for finding in findings:
        say(f"{finding.grade:<7}  {finding.what}: {finding.sentence}", STYLES[finding.grade])


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def demo(
    once: Annotated[bool, typer.Option("--once", help="End by itself after the day, with a summary.")] = False,
    port: Annotated[int, typer.Option(metavar="NUMBER", help="Where the pages are; 0: any free one.")] = 8000,
    folder: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where to keep its data; if not given, a temporary folder.")
    ] = None,
) -> None:
    """Show an invented organisation's day in a minute.

    A pretend CircleCI, the real service and an inbox, each a real server on this machine. Needs no settings, and
    nothing leaves the machine. With --once, exit code 1 when not all came out as the script says.
    """
    raise typer.Exit(asyncio.run(stage.run(once=once, port=port, folder=folder)))


def inbox(
    port: Annotated[int, typer.Option(metavar="NUMBER", help="Where to listen; 0: any free one.")] = 9000,
) -> None:
    """Print what arrives at json://127.0.0.1:9000/NAME.

    A channel to try routes and messages with. Runs until Ctrl-C; it listens on this machine only and keeps nothing.
    """
    asyncio.run(_print_what_arrives(port))


async def _print_what_arrives(port: int) -> None:
    asked = asked_to_end()
    async with serving(Inbox(console).app, listen("127.0.0.1", port)) as where:
        say(f"a channel that leads here: json://{where.removeprefix('http://')}/NAME")
        await asked.wait()


def version(as_json: AsJson = False) -> None:
    """Say which release this is."""
    release = installed_version("roundsman")
    print_json({"version": release}) if as_json else say(f"roundsman {release}")
