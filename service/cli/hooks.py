"""Commands that manage our hooks at CircleCI: hooks list, plan, apply, delete."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say, warn
from service.config.configuration import Config, load
from service.config.schema import project_slug
from service.config.settings import Settings
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary
from service.metrics import Metrics
from service.model import HookSpec
from service.operations.hook_addresses import HOOK_PATH
from service.operations.hook_steps import FAILURES, NEEDS_ACTION, Step, Verb, known_and_deleted
from service.operations.hooks import HookTarget, apply, delete, find_orphans, hook_target, list_hooks, plan
from service.store import hooks as known_hooks
from service.store.event_search import recent_projects
from service.terminal import Column
from service.text import humanize

RECENT = timedelta(days=30)

STEP_COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="project", cut_to=MIN_WIDTH),
    Column(heading="hook", cut_to=MIN_WIDTH),
    Column(heading="why", can_wrap=True),
)

hooks = Group("Look at our hooks at CircleCI, and set them up.")


def _slugs(projects: list[str] | None) -> list[str] | None:
    try:
        return projects and [project_slug(project) for project in projects]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


Rotate = Annotated[
    bool,
    typer.Option(
        "--rotate",
        help="Also send the newest secret to hooks that are as they should be; no secret can be read back.",
    ),
]
UNCHECKED = (
    "CircleCI shows no secret, so whether each hook has the newest one could not be checked.",
    "Next: post with each, by Test Ping Event in its project's settings or by a build.",
    'Then `roundsman events list --event any` lists it, and `roundsman events show` says "valid, secret 1".',
    "A hook with another secret is named by `roundsman refusals`.",
)
PROJECT = typer.Argument(metavar="PROJECT", help="A slug, such as gh/acme/web.", callback=_slugs)


@hooks.command("list")
def list_command(projects: Annotated[list[str] | None, PROJECT] = None, as_json: AsJson = False) -> None:
    """List the hooks of these projects, ours and others'.

    Without projects, of those in roundsman.yaml; then also our orphans, at others that posted in the last 30 days.
    """
    config = _config()
    url = f"{config.settings.public_url}{HOOK_PATH}" if config.settings.public_url else None
    named = projects or [spec.project for spec in config.hooks]
    recent = [] if projects or url is None else _recent_projects()

    async def look(api: CircleCI) -> list[Step]:
        found = await list_hooks(api, named, url)
        return [*found, *(await find_orphans(api, recent, found, url) if url else ())]

    steps = _with_api(config, look)
    if url is not None:
        _record(steps, url)
    _finish(steps, as_json)


@hooks.command("plan")
def plan_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Show what `apply` would do, and our orphans.

    An orphan is a hook of ours at a project that posted in the last 30 days and does not stand in roundsman.yaml;
    `apply` leaves it alone. Exit code 1 when there is something to do, or something in the way.
    """
    config = _config()
    target = _target(config.settings)
    recent = _recent_projects()

    async def look(api: CircleCI) -> list[Step]:
        planned = await plan(api, _configured(config), target, rotate=rotate)
        return [*planned, *await find_orphans(api, recent, planned, target.url)]

    steps = _with_api(config, look)
    _print_steps(steps, as_json)
    if any(step.verb in NEEDS_ACTION for step in steps):
        raise typer.Exit(1)


@hooks.command("apply")
def apply_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Do what `plan` shows.

    Safe to repeat. A hook is ours when it posts to ROUNDSMAN_PUBLIC_URL; others are never touched. At its first
    failure a project is left as it is, and the others go on. Exit code 1 when something could not be done. That a
    hook has a secret is read back; which one it is shows at its first signed post.
    """
    config = _config()
    target = _target(config.settings)
    steps = _with_api(config, lambda api: apply(api, _configured(config), target, rotate=rotate))
    _record(steps, target.url)
    if rotate and any(step.verb in {Verb.CREATE, Verb.UPDATE} for step in steps):
        warn(UNCHECKED)
    _finish(steps, as_json)


@hooks.command("delete")
def delete_command(projects: Annotated[list[str], PROJECT], as_json: AsJson = False) -> None:
    """Take our hooks away from these projects.

    Hooks that are not ours stay. Safe to repeat.
    """
    config = _config()
    if config.settings.public_url is None:
        raise BadConfig("ROUNDSMAN_PUBLIC_URL is not set: a hook is ours when it posts to that address, so set it")
    url = f"{config.settings.public_url}{HOOK_PATH}"
    steps = _with_api(config, lambda api: delete(api, projects, url))
    _record(steps, url)
    _finish(steps, as_json)


def _config() -> Config:
    config = load(os.environ, serving=False, sending=False)
    if config.settings.circleci_token is None:
        raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN is not set: hooks are managed with an organization admin's token")
    return config


def _target(settings: Settings) -> HookTarget:
    return hook_target(settings.public_url, settings.webhook_secrets, settings.circleci_url)


def _recent_projects() -> list[str]:
    """Return the projects that posted in the last 30 days or have a hook of ours.

    If the database cannot be read: none, and a warning.
    """
    since = datetime.now(UTC) - RECENT

    def find(transaction: Transaction) -> list[str]:
        return list(dict.fromkeys([*recent_projects(transaction, since=since), *known_hooks.projects(transaction)]))

    try:
        return with_store(lambda _, store: store.snapshot(find))
    except (BadConfig, Temporary) as error:
        warn([f"orphans were not looked for: {error}"])
        return []


def _record(steps: Sequence[Step], our_url: str) -> None:
    """Store our hooks, so that the refusal of an unsigned post can name its hook."""
    known, gone = known_and_deleted(steps, our_url, datetime.now(UTC))
    if not (known or gone):
        return
    try:
        with_store(lambda _, store: store.write(known_hooks.record, known, gone))
    except (BadConfig, Temporary) as error:
        warn([f"the hooks are not on record, so refusals of their posts will not name them: {error}"])


def _configured(config: Config) -> Sequence[HookSpec]:
    if not config.hooks:
        raise BadConfig(f"{config.settings.config} has no hooks; add `hooks: [{{project: gh/acme/web}}]`")
    return config.hooks


def _with_api(config: Config, question: Callable[[CircleCI], Awaitable[list[Step]]]) -> list[Step]:
    async def ask() -> list[Step]:
        source = circleci(config, metrics=Metrics())
        try:
            return await question(source)
        finally:
            await source.close()

    return asyncio.run(ask())


def _finish(steps: list[Step], as_json: bool) -> None:
    _print_steps(steps, as_json)
    if any(step.verb in FAILURES for step in steps):
        raise typer.Exit(1)


def _print_steps(steps: list[Step], as_json: bool) -> None:
    if as_json:
        print_json({"steps": [_step_json(step) for step in steps]})
    elif steps:
        rows = [(humanize(step.verb), step.project, _name(step), step.why) for step in steps]
        print_table(STEP_COLUMNS, rows)
    else:
        say("no hooks")


def _name(step: Step) -> str | None:
    return step.hook.name if step.hook else step.spec.name if step.spec else None


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "verb": step.verb,
        "project": step.project,
        "hook": {"id": step.hook.id, "name": step.hook.name} if step.hook else None,
        "why": step.why,
    }
