"""Commands that manage schedules at CircleCI: schedules list, plan, apply."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.circleci.api.circleci_api import CircleCIAPI
from service.cli._circleci import managing_config
from service.cli._commands import Group
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say
from service.config.configuration import Config
from service.config.hooked_projects import project_slug
from service.errors import BadConfig
from service.message.timetable import timetable_words
from service.metrics import Metrics
from service.model.schedules import ScheduleSpec
from service.operations.hooks.schedules import FAILURES, NEEDS_ACTION, ScheduleStep, apply, list_all, plan
from service.terminal import Column
from service.text import humanize

COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="schedule", cut_to=MIN_WIDTH),
    Column(heading="times", can_wrap=True),
    Column(heading="why", can_wrap=True),
)

schedules = Group("Look at schedules at CircleCI, and set ours up.")


def _slugs(projects: list[str] | None) -> list[str] | None:
    try:
        return projects and [project_slug(project) for project in projects]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


PROJECT = typer.Argument(metavar="PROJECT", help="A slug, such as gh/acme/web.", callback=_slugs)


@schedules.command("list")
def list_command(projects: Annotated[list[str] | None, PROJECT] = None, as_json: AsJson = False) -> None:
    """List the schedules of these projects, ours and others'.

    Without projects, of those that roundsman.yaml names under schedules and hooks. Times are in UTC.
    """
    config = managing_config("schedules are kept with")
    named = projects or _projects(config)
    _finish(_with_api(config, lambda api: list_all(api, named)), config, as_json)


@schedules.command("plan")
def plan_command(as_json: AsJson = False) -> None:
    """Show what `apply` would do.

    Exit code 1 when there is something to do, or something in the way.
    """
    config = managing_config("schedules are kept with")
    steps = _with_api(config, lambda api: plan(api, _wanted(config), _projects(config)))
    _print_steps(steps, config, as_json)
    if any(step.verb in NEEDS_ACTION for step in steps):
        raise typer.Exit(1)


@schedules.command("apply")
def apply_command(as_json: AsJson = False) -> None:
    """Do what `plan` shows.

    Safe to repeat. A schedule is ours when its description has our mark; others are never touched. Each write is read
    back. Exit code 1 when something could not be done.
    """
    config = managing_config("schedules are kept with")
    _finish(_with_api(config, lambda api: apply(api, _wanted(config), _projects(config))), config, as_json)


def _wanted(config: Config) -> Sequence[ScheduleSpec]:
    if not _projects(config):
        example = "schedules: [{project: gh/acme/web, name: nightly, hours: [2], branch: main}]"
        raise BadConfig(f"{config.settings.config} has no schedules; add `{example}`")
    return config.schedules


def _projects(config: Config) -> list[str]:
    """Return the projects to look at.

    Those of schedules, and those of hooks, where one of ours may be left over.
    """
    named = [*(spec.project for spec in config.schedules), *(hook.project for hook in config.hooks)]
    return [slug for slug in dict.fromkeys(named) if not any(mark in slug for mark in "*?[!")]


def _with_api(config: Config, question: Callable[[CircleCIAPI], Awaitable[list[ScheduleStep]]]) -> list[ScheduleStep]:
    async def ask() -> list[ScheduleStep]:
        source = circleci(config, metrics=Metrics())
        try:
            return await question(source.admin_api)
        finally:
            await source.close()

    return asyncio.run(ask())


def _finish(steps: list[ScheduleStep], config: Config, as_json: bool) -> None:
    _print_steps(steps, config, as_json)
    if any(step.verb in FAILURES for step in steps):
        raise typer.Exit(1)


def _print_steps(steps: Sequence[ScheduleStep], config: Config, as_json: bool) -> None:
    now = datetime.now(UTC)
    zones = {(spec.project, spec.name): spec.timezone for spec in config.schedules}
    words = [_times(step, zones.get((step.project, step.name), "UTC"), now) for step in steps]
    if as_json:
        print_json({"steps": [_step_json(step, times) for step, times in zip(steps, words, strict=True)]})
    elif steps:
        rows = [
            (humanize(step.verb), step.project, step.name or None, times, step.why)
            for step, times in zip(steps, words, strict=True)
        ]
        print_table(COLUMNS, rows)
    else:
        say("no schedules")


def _times(step: ScheduleStep, zone: str, now: datetime) -> str | None:
    times = step.spec.timetable if step.spec else step.schedule.timetable if step.schedule else None
    return timetable_words(times, zone, now) if times else None


def _step_json(step: ScheduleStep, times: str | None) -> dict[str, Any]:
    found = step.schedule
    return {
        "verb": step.verb,
        "project": step.project,
        "schedule": {"id": found.id if found else None, "name": step.name},
        "times": times,
        "parameters": dict(found.parameters) if found else None,
        "actor": found.actor if found else None,
        "why": step.why,
    }
