"""Checks of configuration and surroundings, before the first webhook arrives."""

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from service.channels import AppriseChannels
from service.circleci.circleci import CircleCI
from service.config.setting_values import is_loopback
from service.db.data_folder import database_file, file_exists, read_lock_holder, require_access, require_writable
from service.db.database import Store
from service.db.revisions import is_older, is_workable, newest_revision, revision
from service.errors import BadConfig, Permanent, Temporary
from service.model import Channel, Hook, HookSpec, Process, Receiver, Role, Route
from service.operations.checks.unheard import describe_unheard
from service.operations.hooks.hook_addresses import CIRCLECI_CLOUD, find_obstacle, posts_to_us
from service.routing.decide import follows_changes, hears_every_run
from service.routing.match_keys import FACT_KEYS
from service.routing.route_index import RouteIndex
from service.store.upkeep import heartbeats

_OF_AN_EXAMPLE = re.compile(r"\bToken[A-C]\b|\bIntegrationKey@ApiKey\b|\bexample\.(?:com|net|org)\b")
_IS_AN_EXAMPLE = "is an example's: put your own there"
NEW_KEYS = FACT_KEYS | {"duration", "queue", "pr"}


LACKING_DETAILS = "ROUNDSMAN_CIRCLECI_TOKEN is not set: messages lack failed jobs, tests and the actor"


class Grade(StrEnum):
    """The severity of a finding, for the operator who wants to start the service."""

    OK = "ok"
    NOTE = "note"  # it works, but there is something to know
    WARNING = "warning"  # it works in part; `serve` logs it as a warning too, and `check --strict` fails
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one check.

    sentence   the state that was found and, if it is wrong, the next step
    """

    what: str
    grade: Grade
    sentence: str


def check_operators(names: Sequence[str]) -> list[Finding]:
    """Return a finding that names the programs that may act by a token of their own."""
    sentence = f"{', '.join(dict.fromkeys(names))}: each may act as an operator in the API"
    return [Finding(what="operator tokens", grade=Grade.OK, sentence=sentence)] if names else []


def check_routes(routes: Iterable[Route]) -> list[Finding]:
    """Return a finding on each route that hears changes, not every run."""
    heard = "hears what broke and was fixed, each once; for every run, give its match a `transition` or `status`"
    old = (route for route in routes if NEW_KEYS.isdisjoint(matcher.key for matcher in route.matchers))
    changed = (route for route in old if not hears_every_run(route) and not follows_changes(route))
    return [Finding(what=f"route {route.name!r}", grade=Grade.OK, sentence=heard) for route in changed]


def running_process(database_url: str) -> str | None:
    """Return a description of the process that has locked the data folder.

    None if no process has, or if the database is a server, which several processes share.
    """
    file = database_file(database_url)
    return read_lock_holder(file.parent) if file else None


def check_folder(database_url: str) -> Iterable[Finding]:
    """Check that a process could lock the data folder and write there.

    Yields nothing for a server's database. Leaves no file behind.
    """
    file = database_file(database_url)
    if file is None:
        return
    if who := read_lock_holder(file.parent):
        sentence = f"{file.parent} is in use by {who}; that one is running, and a second one would be refused"
        yield Finding(what="data folder", grade=Grade.NOTE, sentence=sentence)
        return
    try:
        require_writable(file.parent)
    except (BadConfig, Temporary) as error:
        yield Finding(what="data folder", grade=Grade.WRONG, sentence=str(error))
    else:
        yield Finding(what="data folder", grade=Grade.OK, sentence=f"{file.parent} can be written")


async def check_database(database_url: str) -> Finding:
    """Check that the database is usable, or can be created at the first start.

    The row that tests writing is deleted again.
    """
    file = database_file(database_url)
    if file is not None:
        try:
            if not file_exists(file):
                return Finding(what="database", grade=Grade.OK, sentence=f"{file} will be made at the first start")
            require_access(file)
        except BadConfig as error:
            return Finding(what="database", grade=Grade.WRONG, sentence=str(error))
    name, store = file or "Postgres", Store(database_url)
    try:
        at = await revision(store)
        if is_workable(at):
            await _test_write(store)
    except (Temporary, BadConfig) as error:
        return Finding(what="database", grade=Grade.WRONG, sentence=f"{name}: {error}")
    finally:
        await store.close()
    return _revision_finding(at, name, is_server=file is None)


async def _test_write(store: Store) -> None:
    """Write a row and delete it. Raises Temporary for a read-only database."""
    process = Process(role=Role.WORKER)
    await store.write(heartbeats.beat, process, store.clock())
    await store.write(heartbeats.forget, process)


async def check_clock(database_url: str) -> Iterable[Finding]:
    """Check that this machine's clock agrees with the database server's.

    Returns no finding for SQLite, or if the database is away.
    """
    if database_file(database_url) is not None:
        return []
    store = Store(database_url)
    try:
        await store.read(heartbeats.read_clock, store.clock)
    except (Temporary, BadConfig):
        return []  # the finding about the database says so
    finally:
        await store.close()
    if store.clock.is_off:
        sentence = f"{store.clock.comparison}; have it set by NTP: logs are dated by it, all else by the database's"
        return [Finding(what="clock", grade=Grade.WARNING, sentence=sentence)]
    return [Finding(what="clock", grade=Grade.OK, sentence="it agrees with the database's")]


def _revision_finding(at: str | None, name: Path | str, *, is_server: bool) -> Finding:
    grade, sentence = Grade.WRONG, f"{name} is not up to date; run `roundsman migrate`"
    if at == newest_revision():
        grade, sentence = Grade.OK, f"{name} is up to date"
    elif is_server and is_workable(at):
        grade, sentence = Grade.WARNING, f"{name} is a newer release's, at revision {at}; run that release"
    elif not is_older(at):
        sentence = f"{name} is of another release, at revision {at}; run that release, or restore a backup"
    elif not is_server:
        grade, sentence = Grade.OK, f"{name} will be brought up to date at the next start"
    return Finding(what="database", grade=grade, sentence=sentence)


def check_connections(shortage: str | None) -> Iterable[Finding]:
    """Yield a finding if the process may hold few connections; ``shortage`` is why."""
    if shortage is not None:
        yield Finding(what="connections", grade=Grade.WARNING, sentence=shortage)


def check_port(try_to_listen: Callable[[], None], where: str) -> Finding:
    """Check that the port is free.

    try_to_listen   raises BadConfig or Temporary if it is not
    where           address and port, for the sentence
    """
    try:
        try_to_listen()
    except (BadConfig, Temporary) as error:
        return Finding(what="port", grade=Grade.WRONG, sentence=str(error))
    return Finding(what="port", grade=Grade.OK, sentence=f"{where} is free")


def check_public_url(public_url: str | None, circleci_url: str = CIRCLECI_CLOUD) -> Finding:
    """Check that people and CircleCI can use the public URL."""
    if public_url is None:
        sentence = "ROUNDSMAN_PUBLIC_URL is not set: messages have no links to pages, and hooks cannot be set up"
        return Finding(what="public URL", grade=Grade.NOTE, sentence=sentence)
    if (obstacle := find_obstacle(public_url, circleci_url)) is None:
        if doubt := _OF_AN_EXAMPLE.search(public_url):
            return Finding(what="public URL", grade=Grade.NOTE, sentence=f"{public_url}: {doubt[0]} {_IS_AN_EXAMPLE}")
        return Finding(what="public URL", grade=Grade.OK, sentence=public_url)
    grade = Grade.NOTE if is_loopback(urlsplit(public_url).hostname or "") else Grade.WRONG
    return Finding(what="public URL", grade=grade, sentence=obstacle)


async def check_token(source: CircleCI, *, has_token: bool) -> Finding:
    """Check that CircleCI accepts our token."""
    if not has_token:
        return Finding(what="CircleCI token", grade=Grade.NOTE, sentence=LACKING_DETAILS)
    try:
        owner = await source.me()
    except (Temporary, Permanent) as error:
        return Finding(what="CircleCI token", grade=Grade.WRONG, sentence=str(error))
    return Finding(what="CircleCI token", grade=Grade.OK, sentence=f"accepted; it is {owner.login or owner.id}'s")


async def check_hooks(
    source: CircleCI, hooks: Sequence[HookSpec], token: Finding, *, our_url: str | None, routes: Sequence[Route]
) -> Sequence[Finding]:
    """Check that the token may see each project under ``hooks``, and a route fits it.

    Without an accepted token the one finding is that they were not compared.
    """
    if token.grade is not Grade.OK:
        sentence = "not compared with CircleCI: that needs a token that it accepts"
        return [Finding(what="hooks", grade=Grade.NOTE, sentence=sentence)] if hooks else []
    plain = [hook for hook in hooks if not hook.patterns]
    index = RouteIndex(routes)
    found = await asyncio.gather(*(_check_hook(source, hook, our_url, index) for hook in plain))
    return [*found, *(_pattern_note(hook) for hook in hooks if hook.patterns)]


def _pattern_note(hook: HookSpec) -> Finding:
    sentence = "its projects are not looked for here; `roundsman hooks plan` does that"
    return Finding(what=f"hooks of {hook.project}", grade=Grade.NOTE, sentence=sentence)


async def _check_hook(source: CircleCI, hook: HookSpec, our_url: str | None, routes: RouteIndex) -> Finding:
    try:
        present = await _visible_hooks(source, await source.project_id(hook.project))
    except (Temporary, Permanent) as error:
        return Finding(what=f"hook {hook.project}", grade=Grade.WRONG, sentence=str(error))
    if any(posts_to_us(one, our_url) and not one.has_secret for one in present):
        sentence = "it has no secret, so its posts are refused; run `roundsman hooks apply`"
        return Finding(what=f"hook {hook.project}", grade=Grade.WRONG, sentence=sentence)
    if unheard := await describe_unheard(source, hook.project, routes):
        return Finding(what=f"hook {hook.project}", grade=Grade.NOTE, sentence=unheard)
    return Finding(what=f"hook {hook.project}", grade=Grade.OK, sentence="the token may see this project")


async def _visible_hooks(source: CircleCI, project_id: str) -> list[Hook]:
    """Return the hooks of a project, or none if the token may not list them.

    Only the `hooks` commands need a token that may, so this is no finding.
    """
    try:
        return await source.list_hooks(project_id)
    except Permanent:
        return []


async def examine_channels(receivers: Mapping[str, Receiver], channels: AppriseChannels) -> Sequence[Finding]:
    """Check that every channel's URL is valid, and ask Slack about its tokens.

    Sends nothing that people see.
    """
    channels.redact_urls_of(receivers.values())
    found = list(check_channels(receivers, channels))
    every = [channel for receiver in receivers.values() for channel in receiver.channels]
    return [
        finding if finding.grade is Grade.WRONG else await _examine(channel, channels, finding)
        for channel, finding in zip(every, found, strict=True)
    ]


async def _examine(channel: Channel, channels: AppriseChannels, finding: Finding) -> Finding:
    examined = await channels.examine(channel)
    if examined is None:
        return finding
    grade = Grade.WRONG if examined.is_wrong else Grade.NOTE if examined.is_less else Grade.OK
    return Finding(what=finding.what, grade=grade, sentence=_placed(channel, grade, examined.sentence))


def check_channels(receivers: Mapping[str, Receiver], channels: AppriseChannels) -> Iterable[Finding]:
    """Check that every channel's URL is valid. Sends nothing."""
    for receiver in receivers.values():
        for channel in receiver.channels:
            wrong, doubt = channels.check(channel.url), _OF_AN_EXAMPLE.search(channel.url)
            grade = Grade.WRONG if wrong else Grade.NOTE if doubt else Grade.OK
            sentence = wrong or (f"understood; {doubt[0]} {_IS_AN_EXAMPLE}" if doubt else "understood")
            yield Finding(what=f"channel {channel.label}", grade=grade, sentence=_placed(channel, grade, sentence))


def _placed(channel: Channel, grade: Grade, sentence: str) -> str:
    """Return a sentence with the line of the channel before it, unless all is well."""
    return f"{channel.place}: {sentence}" if channel.place and grade is not Grade.OK else sentence
