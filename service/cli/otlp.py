"""Commands for spans: otlp plan, apply register the exporter, missing lists runs."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.cli._circleci import managing_config
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._hooks import posting_projects
from service.cli._output import MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig
from service.metrics import Metrics
from service.operations.builds.span_story import MAX_ANSWERED, list_unexplained
from service.operations.hooks.exporters import ExporterStep, apply, exporter_target, organizations_of, plan
from service.operations.hooks.hook_steps import FAILURES, NEEDS_ACTION
from service.terminal import Column
from service.text import humanize

STEP_COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="organization", cut_to=MIN_WIDTH),
    Column(heading="exporter", cut_to=MIN_WIDTH),
    Column(heading="why", can_wrap=True),
)

RUN_COLUMNS = (
    Column(heading="state"),
    Column(heading="ended", cut_to=MINUTES),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="branch", cut_to=MIN_WIDTH),
    Column(heading="workflow", cut_to=MIN_WIDTH),
    Column(heading="by its span"),
)

otlp = Group("Register our receiver of spans, and list what it shows.")

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


@otlp.command("missing")
def missing_command(as_json: AsJson = False) -> None:
    """List workflows of the last day of which no webhook came.

    A span told that they ended, at least ten minutes ago; the newest 200, of projects that have posted before. They are
    not judged, and no channel was told of them. A webhook that came and was not understood is a dead letter.
    """

    async def do(_: Settings, store: Store) -> list[dict[str, Any]]:
        return await store.snapshot(list_unexplained, store.clock(), limit=MAX_ANSWERED)

    found = with_store(do)
    if as_json:
        print_json({"items": found})
    elif found:
        print_table(RUN_COLUMNS, [_run_cells(run) for run in found])
    else:
        say("each workflow that a span told of has its webhook")


def _run_cells(run: Mapping[str, Any]) -> tuple[object, ...]:
    where = "dead letter" if run["dead_letter"] else "no webhook yet"
    return (
        where,
        format_time(run["ended_at"]),
        run["project"]["full_name"],
        run["branch"],
        run["workflow"],
        run["status"],
    )


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
