"""The command that checks everything without serving: check."""

import asyncio
import os
import sys
import textwrap
from collections.abc import Sequence, Sized
from dataclasses import asdict
from typing import Annotated

import typer

from service.app.build_context import circleci
from service.channels import AppriseChannels
from service.cli._output import AsJson, console, print_json, say
from service.config.configuration import Config, load
from service.config.setting_values import named_tokens
from service.metrics import Metrics
from service.operations.checks.budget_check import check_budgets
from service.operations.checks.check_names import check_names
from service.operations.checks.checks import (
    Finding,
    Grade,
    check_clock,
    check_connections,
    check_database,
    check_folder,
    check_hooks,
    check_operators,
    check_port,
    check_public_url,
    check_routes,
    check_token,
    examine_channels,
    running_process,
)
from service.operations.checks.group_checks import check_groups
from service.operations.checks.hold_check import check_holds
from service.operations.checks.oidc_check import check_provider
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.web.server.server import connection_shortage, listen

MIN_LINE, MAX_LINE = 40, 100  # columns of what is wrapped on a terminal
STYLES = {Grade.OK: "green", Grade.NOTE: "yellow", Grade.WARNING: "yellow", Grade.WRONG: "red"}


def check(
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings too, which `serve` logs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether `serve` would start, without starting it.

    Reads the settings and roundsman.yaml, tries the data folder and the port, looks at the database, asks CircleCI
    whose token it is and whether it may see the projects under `hooks`, and reads every channel's URL; nothing is sent,
    and nothing stays behind. The last line is the verdict. Exit code 1 when something is wrong, 2 when `serve` would
    refuse the configuration.
    """
    config = load(os.environ)
    findings = asyncio.run(_find(config))
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings], "warnings": list(config.warnings)})
    else:
        _print_findings(config, findings)
    if _has(findings, Grade.WRONG) or (strict and (config.warnings or _has(findings, Grade.WARNING))):
        raise typer.Exit(1)


def _has(findings: Sequence[Finding], grade: Grade) -> bool:
    return any(finding.grade is grade for finding in findings)


async def _find(config: Config) -> list[Finding]:
    """Return the findings of all checks, and those that show names of branches."""
    return [*await find_all(config), *await check_names(config.settings.database_url, config.routes)]


async def find_all(config: Config) -> list[Finding]:
    """Return the findings of all checks."""
    settings, source = config.settings, circleci(config, metrics=Metrics())
    here = [*check_folder(settings.database_url), await check_database(settings.database_url)]
    here += await check_clock(settings.database_url)
    if not running_process(settings.database_url):  # a running service has the port rightly
        here.append(
            check_port(lambda: listen(settings.host, settings.port).close(), f"{settings.host} port {settings.port}")
        )
    here += check_connections(connection_shortage())
    try:
        token = await check_token(source, has_token=settings.circleci_token is not None)
        our_url = f"{settings.public_url}{HOOK_PATH}" if settings.public_url else None
        hooks = await check_hooks(source, config.hooks, token, our_url=our_url, routes=config.routes)
    finally:
        await source.close()
    here += check_operators([name for name, _ in named_tokens(settings.operator_tokens)])
    there = [check_public_url(settings.public_url, settings.circleci_url), token, *hooks]
    channels = await examine_channels(config.receivers, AppriseChannels(slack_url=settings.slack_url))
    there += await check_provider(settings)
    budgets = check_budgets(config, has_exports=source.has_v3)
    of_routes = [*check_routes(config.routes), *check_groups(config), *check_holds(config)]
    return [*here, *there, *channels, *of_routes, *budgets]


def say_graded(grade: Grade, sentence: str) -> None:
    """Print a sentence beside its grade; on a terminal, wrapped under its begin."""
    head, width = f"{grade:<7}  ", max(min(console.width, MAX_LINE), MIN_LINE)
    wrapper = textwrap.TextWrapper(
        width if console.is_terminal else sys.maxsize,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in wrapper.wrap(" ".join(sentence.split())):
        say(line, STYLES[grade])


def _print_findings(config: Config, findings: list[Finding]) -> None:
    say(f"{config.settings.config}: {_counted(config.routes, 'route')}, {_counted(config.receivers, 'receiver')}")
    for warning in config.warnings:
        say_graded(Grade.WARNING, warning)
    for finding in findings:
        say_graded(finding.grade, f"{finding.what}: {finding.sentence}")
    say(*_verdict(config.warnings, findings))


def _verdict(of_config: Sequence[str], findings: Sequence[Finding]) -> tuple[str, str]:
    """Return how many things are wrong, and the style of the line."""
    wrong = [finding for finding in findings if finding.grade is Grade.WRONG]
    warnings = [*of_config, *(finding for finding in findings if finding.grade is Grade.WARNING)]
    style = STYLES[Grade.WRONG if wrong else Grade.NOTE if warnings else Grade.OK]
    return f"{_counted(wrong, 'thing')} wrong, {_counted(warnings, 'warning')}", style


def _counted(things: Sized, noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
