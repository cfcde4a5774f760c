"""Commands that register our receiver of spans at CircleCI: otlp plan, apply."""

import asyncio
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.cli._circleci import managing_config
from service.cli._commands import Group
from service.cli._hooks import posting_projects
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say
from service.errors import BadConfig
from service.metrics import Metrics
from service.operations.exporters import ExporterStep, apply, exporter_target, organizations_of, plan
from service.operations.hook_steps import FAILURES, NEEDS_ACTION
from service.terminal import Column
from service.text import humanize

STEP_COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="organization", cut_to=MIN_WIDTH),
    Column(heading="exporter", cut_to=MIN_WIDTH),
    Column(heading="why", can_wrap=True),
)

otlp = Group("Register our receiver of spans at CircleCI.")

Rotate = Annotated[
    bool,
    typer.Option("--rotate", help="Also replace exporters that are as they should be; no token can be read back."),
]


@otlp.command("plan")
def plan_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Show what `apply` would do.

    The organizations are those of the projects under `hooks:` and of those that posted lately. Exit code 1 when there
    is something to do, or something in the way.
    """
    _print(_ask(plan, rotate=rotate), as_json, until=NEEDS_ACTION)


@otlp.command("apply")
def apply_command(rotate: Rotate = False, as_json: AsJson = False) -> None:
    """Do what `plan` shows.

    Safe to repeat. A new exporter is made and read back before an old one is deleted; those that post elsewhere are
    never touched. Exit code 1 when something could not be done.
    """
    _print(_ask(apply, rotate=rotate), as_json, until=FAILURES)


def _ask(question: Any, *, rotate: bool) -> list[ExporterStep]:
    config = managing_config("exporters are managed with")
    settings = config.settings
    target = exporter_target(settings.public_url, settings.otlp_token, settings.circleci_url)
    organizations = organizations_of(config.hooks, posting_projects())
    if not organizations:
        raise BadConfig(
            f"{settings.config} has no hooks, and no project has posted: there is no organization to ask of"
        )

    async def ask() -> list[ExporterStep]:
        source: CircleCI = circleci(config, metrics=Metrics())
        try:
            steps: list[ExporterStep] = await question(source, organizations, target, rotate=rotate)
            return steps
        finally:
            await source.close()

    return asyncio.run(ask())


def _print(steps: list[ExporterStep], as_json: bool, *, until: frozenset[Any]) -> None:
    if as_json:
        print_json({"steps": [_step_json(step) for step in steps]})
    elif steps:
        rows = [(humanize(step.verb), step.org, step.exporter and step.exporter.id, step.why) for step in steps]
        print_table(STEP_COLUMNS, rows)
    else:
        say("no exporters")
    if any(step.verb in until for step in steps):
        raise typer.Exit(1)


def _step_json(step: ExporterStep) -> dict[str, Any]:
    exporter = {"id": step.exporter.id, "protocol": step.exporter.protocol} if step.exporter else None
    return {"verb": step.verb, "organization": step.org, "exporter": exporter, "why": step.why}
