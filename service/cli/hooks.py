"""Commands that manage our hooks: hooks list, plan, apply, rotate, delete."""

from typing import Annotated

import typer

from service.circleci.circleci import CircleCI
from service.cli._commands import Group
from service.cli._hook_rotation import rotate_command
from service.cli._hooks import (
    Outcome,
    configured,
    confirmed,
    finish,
    posting_projects,
    print_steps,
    read_config,
    read_target,
    record,
    with_api,
)
from service.cli._known_names import complete_project
from service.cli._output import AsJson, warn
from service.config.hooked_projects import project_slug
from service.errors import BadConfig
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.operations.hooks.hook_globs import expand
from service.operations.hooks.hook_steps import NEEDS_ACTION, Verb
from service.operations.hooks.hooks import apply, delete, find_orphans, list_hooks, plan

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
PROJECT = typer.Argument(
    metavar="PROJECT", help="A slug, such as gh/acme/web.", callback=_slugs, autocompletion=complete_project
)


@hooks.command("list")
def list_command(projects: Annotated[list[str] | None, PROJECT] = None, as_json: AsJson = False) -> None:
    """List the hooks of these projects, ours and others'.

    Without projects, of those in roundsman.yaml; then also our orphans, at others that posted in the last 30 days.
    """
    config = read_config()
    url = f"{config.settings.public_url}{HOOK_PATH}" if config.settings.public_url else None
    has_patterns = any(spec.patterns for spec in config.hooks)
    recent = [] if projects or (url is None and not has_patterns) else posting_projects()

    async def look(api: CircleCI) -> Outcome:
        if projects:
            return Outcome(steps=await list_hooks(api, projects, url))
        wanted = await expand(api, config.hooks, recent)
        found = await list_hooks(api, [spec.project for spec in wanted.specs], url)
        orphans = await find_orphans(api, recent, found, url) if url else ()
        return Outcome(steps=[*found, *wanted.unread, *orphans], remarks=wanted.remarks)

    outcome = with_api(config, look)
    if url is not None:
        record(outcome.steps, url)
        outcome = confirmed(outcome)
    finish(outcome, as_json=as_json)


@hooks.command("plan")
def plan_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Show what `apply` would do, and our orphans.

    An orphan is a hook of ours at a project that posted in the last 30 days and does not stand in roundsman.yaml;
    `apply` leaves it alone. Exit code 1 when there is something to do, or something in the way.
    """
    config = read_config()
    target = read_target(config.settings)
    recent = posting_projects()

    async def look(api: CircleCI) -> Outcome:
        wanted = await expand(api, configured(config), recent)
        planned = await plan(api, wanted.specs, target, rotate=rotate)
        orphans = await find_orphans(api, recent, planned, target.url)
        return Outcome(steps=[*planned, *wanted.unread, *orphans], remarks=wanted.remarks)

    outcome = confirmed(with_api(config, look))
    print_steps(outcome, as_json=as_json)
    if any(step.verb in NEEDS_ACTION for step in outcome.steps):
        raise typer.Exit(1)


@hooks.command("apply")
def apply_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Do what `plan` shows.

    Safe to repeat. A hook is ours when it posts to ROUNDSMAN_PUBLIC_URL; others are never touched. At its first
    failure a project is left as it is, and the others go on. Exit code 1 when something could not be done. That a
    hook has a secret is read back; which one it is shows at its first signed post.
    """
    config = read_config()
    target = read_target(config.settings)
    recent = posting_projects() if any(spec.patterns for spec in config.hooks) else []

    async def act(api: CircleCI) -> Outcome:
        wanted = await expand(api, configured(config), recent)
        done = await apply(api, wanted.specs, target, rotate=rotate)
        return Outcome(steps=[*done, *wanted.unread], remarks=wanted.remarks)

    outcome = with_api(config, act)
    record(outcome.steps, target)
    outcome = confirmed(outcome)
    if rotate and any(step.verb in {Verb.CREATE, Verb.UPDATE} for step in outcome.steps):
        warn(UNCHECKED)
    finish(outcome, as_json=as_json)


hooks.command("rotate")(rotate_command)


@hooks.command("delete")
def delete_command(projects: Annotated[list[str], PROJECT], as_json: AsJson = False) -> None:
    """Take our hooks away from these projects.

    Hooks that are not ours stay. Safe to repeat.
    """
    config = read_config()
    if config.settings.public_url is None:
        raise BadConfig("ROUNDSMAN_PUBLIC_URL is not set: a hook is ours when it posts to that address, so set it")
    url = f"{config.settings.public_url}{HOOK_PATH}"

    async def act(api: CircleCI) -> Outcome:
        return Outcome(steps=await delete(api, projects, url))

    outcome = with_api(config, act)
    record(outcome.steps, url)
    finish(outcome, as_json=as_json)
