"""The command that tries everything, for a report that may be shown: doctor."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from importlib.metadata import version
from typing import Annotated

import typer

from service.app.build_context import circleci
from service.channels import AppriseChannels
from service.circleci.api.request import TOKEN_SETTING
from service.circleci.circleci import ADMIN_TOKEN_SETTING, CircleCI
from service.cli._output import AsJson, print_json, say
from service.cli.check import find_all, say_graded
from service.clock import now_utc
from service.config.configuration import Config, load
from service.config.settings import Settings
from service.db.data_folder import database_file
from service.db.database import Store
from service.db.revisions import is_workable, revision
from service.errors import BadConfig, Permanent, Temporary
from service.health.channel_trials import try_channels
from service.health.reach import check_connection, check_ourselves
from service.metrics import Metrics
from service.operations.checks import doctor as findings_of
from service.operations.checks.checks import Finding, Grade
from service.operations.checks.hiding import Private, hiding_for
from service.operations.checks.rights import find_rights
from service.operations.hooks.hook_globs import project_to_try
from service.store.events.event_search import recent_projects

RECENT_DAYS = 30
Names = Annotated[bool, typer.Option("--names", help="Show names and addresses; secrets stay hidden.")]
Send = Annotated[bool, typer.Option("--send", help="Send each channel a test message, which people see.")]


def doctor(names: Names = False, send: Send = False, as_json: AsJson = False) -> None:
    """Try every connection and right, and say what is wrong.

    And what to do. All that `check` looks at, and more: both tokens, their rights, each version of the API, clocks,
    certificates and the days that they have left, the login of mail servers, the servers of channels, the public URL as
    this machine sees it, the watchdog, disk, queue, dead letters and refusals. Changes nothing, and sends no message
    without --send: a channel may accept the connection and refuse the message. Names, addresses and secrets are
    hidden, so that the output may go into an issue.
    Exit code 1 when something is wrong, 2 when `serve` would refuse the configuration.
    """
    config = load(os.environ)
    found, private = asyncio.run(_examine(config, sends=send))
    hide = hiding_for(config, private, shows_names=names)
    shown = [replace(one, what=hide(one.what), sentence=hide(one.sentence)) for one in found]
    if as_json:
        print_json({"version": version("roundsman"), "findings": [asdict(one) for one in shown]})
    else:
        _print(shown)
        if shown != found and not names:
            say("names and addresses are hidden: --names shows them")
    if any(one.grade is Grade.WRONG for one in shown):
        raise typer.Exit(1)


def _print(findings: Sequence[Finding]) -> None:
    say(f"Roundsman {version('roundsman')}")
    for finding in findings:
        say_graded(finding.grade, f"{finding.what}: {finding.sentence}")
    wrong = sum(one.grade is Grade.WRONG for one in findings)
    noted = sum(one.grade in {Grade.NOTE, Grade.WARNING} for one in findings)
    say(f"{wrong} wrong, {noted} to note, {len(findings)} looked at")


async def _examine(config: Config, *, sends: bool) -> tuple[list[Finding], Private]:
    """Return the findings, and the people, projects and hosts that they may name."""
    settings, now = config.settings, now_utc()
    found = await find_all(config)
    found += findings_of.check_disk(settings.database_url)
    rows, recent = await _read_rows(settings.database_url)
    found += rows
    source = circleci(config, metrics=Metrics())
    try:
        projects = [*(hook.project for hook in config.hooks), *recent]
        if settings.circleci_token or settings.circleci_admin_token:
            found += await _ask_circleci(source, config, recent)
        people = await _owners(source)
    finally:
        await source.close()
    found += await _try_connections(settings, now)
    channels = AppriseChannels(slack_url=settings.slack_url)
    try:
        tried, hosts = await try_channels(config.receivers, channels, now, sends=sends)
    finally:
        await channels.close(grace_s=0)
    return [*found, *tried], Private(people=people, projects=projects, hosts=hosts)


async def _try_connections(settings: Settings, now: datetime) -> list[Finding]:
    found = [await _try_circleci(settings, now)]
    if settings.public_url:
        found.append(await check_connection("certificate of the public URL", settings.public_url, now))
        found.append(await check_ourselves(settings.public_url))
    if settings.oidc_issuer:
        found.append(await check_connection("connection to the OpenID provider", settings.oidc_issuer, now))
    if settings.watchdog_url:
        watchdog = await check_connection("watchdog", settings.watchdog_url, now)
        unfetched = "it was not fetched, since each fetch counts as a sign of life"
        found.append(replace(watchdog, sentence=f"{watchdog.sentence}; {unfetched}"))
    return found


async def _try_circleci(settings: Settings, now: datetime) -> Finding:
    """Return the finding on the connection to CircleCI; without a token it is a note."""
    found = await check_connection("connection to CircleCI", settings.circleci_url, now)
    if found.grade is not Grade.WRONG or settings.circleci_token or settings.circleci_admin_token:
        return found
    return replace(found, grade=Grade.NOTE, sentence=f"{found.sentence}; without a token it is not called")


async def _ask_circleci(source: CircleCI, config: Config, recent: Sequence[str]) -> list[Finding]:
    settings, today = config.settings, now_utc().date()
    found = [*await findings_of.check_admin_token(source), *await findings_of.check_versions(source)]
    found += findings_of.check_expiry(TOKEN_SETTING, settings.circleci_token_ends, today)
    found += findings_of.check_expiry(ADMIN_TOKEN_SETTING, settings.circleci_admin_token_ends, today)
    if (project := await project_to_try(source, config.hooks, recent)) is not None:
        found += findings_of.check_rights(await find_rights(source, project), has_admin=source.has_admin)
    else:
        sentence = "not tried: no project that the token shows is under `hooks`, and none has posted here"
        found.append(Finding(what="rights", grade=Grade.NOTE, sentence=sentence))
    return [*found, *findings_of.check_circleci_clock(source)]


async def _owners(source: CircleCI) -> list[str]:
    """Return the logins of the tokens' owners, to hide them."""
    owners = []
    for api in (source.api, source.admin_api):
        try:
            owner = await api.me()
        except (Temporary, Permanent):
            continue
        owners += [name for name in (owner.login, owner.name) if name]
    return owners


async def _read_rows(database_url: str) -> tuple[list[Finding], list[str]]:
    """Return what the rows say, and the projects that posted; nothing without them."""
    file = database_file(database_url)
    if file is not None and not file.exists():
        return [], []
    store = Store(database_url)
    try:
        if not is_workable(await revision(store)):
            return [], []
        now = store.clock()
        rows = await store.snapshot(findings_of.read_rows, now)
        since = now - findings_of.DAY * RECENT_DAYS
        return rows, await store.snapshot(lambda transaction: recent_projects(transaction, since=since))
    except (Temporary, BadConfig):
        return [], []  # the finding about the database says so
    finally:
        await store.close()
