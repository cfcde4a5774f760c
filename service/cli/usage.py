"""The command for the credits that builds spent: usage."""

import asyncio
import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from service.app.build_context import circleci
from service.cli._circleci import managing_config
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._known_names import complete_project, slug_on_record
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say, warn
from service.cli._streams import writing
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig, Permanent, Temporary
from service.metrics import Metrics
from service.model import UNFINISHED, ExportState, UsageExport
from service.operations.figures.usage_report import COLUMNS_OF, report_usage
from service.operations.hooks.exporters import organization_id, organizations_of
from service.operations.json_shapes import Json
from service.pipeline.fetching.usage_export import Asking, Window, advance, month_of, window_of
from service.store.events.event_search import recent_projects
from service.terminal import Column

RECENT = timedelta(days=30)
PAUSES_S = (0, 15, 60, 180, 360, 450)
"""Between questions, the last again and again: ten in an hour, which is what CircleCI allows."""


class By(StrEnum):
    """The grouping of a report."""

    PROJECT = "project"
    WORKFLOW = "workflow"
    BRANCH = "branch"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The usage that is asked for.

    orgs   the organizations, such as gh/acme, each with slugs of it
    org    the id of one, instead of these
    """

    windows: Sequence[Window]
    orgs: Mapping[str, Sequence[str]]
    org: str
    wait: timedelta
    anew: bool


def usage(  # noqa: PLR0913, PLR0917 - one option each
    projects: Annotated[
        list[str] | None,
        typer.Argument(metavar="PROJECT", help="A slug or name, such as acme/web.", autocompletion=complete_project),
    ] = None,
    months: Annotated[
        list[str] | None, typer.Option("--month", metavar="MONTH", help="As 2026-10, once or more; this month if not.")
    ] = None,
    org: Annotated[str, typer.Option(metavar="ID", help="The organization, instead of that of the projects.")] = "",
    by: Annotated[By, typer.Option(metavar="project|workflow|branch", help="A line for each of these.")] = By.WORKFLOW,
    wait: Annotated[int, typer.Option(metavar="MINUTES", min=0, max=240, help="Wait so long for CircleCI.")] = 60,
    anew: Annotated[bool, typer.Option("--anew", help="Have another export made, even where one is kept.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, for spreadsheets.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say how many credits builds spent, and on what.

    Each line is a project, a workflow or a branch, with its credits, and the part that failed jobs and reruns took.
    CircleCI first writes an export of the whole organization, in minutes or up to some hours. When the command ends
    before that, call it again: it goes on with the same export. It needs circleci.com, and the token of an organization
    admin. Exit code 1 when there is no data, or not yet.
    """
    if as_csv and as_json:
        raise BadConfig("--csv and --json cannot be given together; choose one")
    config = managing_config("usage is asked for with")
    named = [*dict.fromkeys(slug_on_record(one) for one in projects or [])]

    async def do(_: Settings, store: Store) -> tuple[Json, Sequence[str]]:
        now = store.clock()
        windows = [window_of(month, now) for month in dict.fromkeys(months or [month_of(now)])]
        orgs = {} if org else await _organizations(store, config, named)
        wanted = Wanted(windows=windows, orgs=orgs, org=org, wait=timedelta(minutes=wait), anew=anew)
        exports, problems = await _fetch(config, store, wanted)
        return await report_usage(store, exports, by=by, slugs=named), problems

    report, problems = with_store(do)
    _print(report, by, as_csv=as_csv, as_json=as_json)
    warn(problems)
    if problems or not report["items"]:
        raise typer.Exit(1)


async def _organizations(store: Store, config: Config, named: Sequence[str]) -> dict[str, list[str]]:
    """Return the organizations of projects.

    Of those that are named; else of those under hooks, and of those that posted.
    """
    if named:
        return organizations_of((), named)
    recent = await store.snapshot(recent_projects, since=store.clock() - RECENT)
    found = organizations_of(config.hooks, recent)
    if not found:
        raise BadConfig("no project is known here whose organization could be asked for; name one, as gh/acme/web")
    return found


async def _fetch(config: Config, store: Store, wanted: Wanted) -> tuple[list[UsageExport], list[str]]:
    """Return the exports, and sentences about those that could not be had."""
    source = circleci(config, metrics=Metrics(), clock=store.clock)
    try:
        ids = [wanted.org] if wanted.org else []
        for org, slugs in wanted.orgs.items():
            ids.append(await organization_id(source, org, slugs))
        return await _fetch_all(Asking(source=source, store=store, clock=store.clock), dict.fromkeys(ids), wanted)
    finally:
        await source.close()


async def _fetch_all(asking: Asking, orgs: Iterable[str], wanted: Wanted) -> tuple[list[UsageExport], list[str]]:
    exports, problems = [], []
    for org_id in orgs:
        for window in wanted.windows:
            try:
                export = await _finish(asking, org_id, window, wanted)
            except (Temporary, Permanent) as error:
                where = "" if asking.source.has_v3 else ". A CircleCI Server writes no exports of usage"
                problems.append(f"{window.month}: {error}{where}")
                continue
            exports.append(export)
            problems += _problems(export)
    return exports, problems


async def _finish(asking: Asking, org_id: str, window: Window, wanted: Wanted) -> UsageExport:
    """Ask until an export has ended, or the time to wait is over."""
    export = await advance(asking, org_id, window, anew=wanted.anew)
    if export.state is ExportState.FAILED and asking.clock() - export.changed_at > timedelta(minutes=1):
        export = await advance(asking, org_id, window, anew=True)  # of an earlier call: this one tries again
    errors = Console(stderr=True)
    with errors.status(f"CircleCI writes the usage of {window.month}") if errors.is_terminal else nullcontext():
        return await _poll(asking, export, window, ends_at=asking.clock() + wanted.wait)


async def _poll(asking: Asking, export: UsageExport, window: Window, *, ends_at: datetime) -> UsageExport:
    number, pause_s = 0, float(PAUSES_S[0])
    while export.state in UNFINISHED and asking.clock() + timedelta(seconds=pause_s) <= ends_at:
        await asyncio.sleep(pause_s)
        number = min(number + 1, len(PAUSES_S) - 1)
        pause_s = PAUSES_S[number]
        try:
            export = await advance(asking, export.org_id, window)
        except Temporary as error:
            if error.retry_after_s is None:
                raise
            pause_s = error.retry_after_s
    return export


def _problems(export: UsageExport) -> list[str]:
    asked = f"asked for at {format_time(export.asked_at.isoformat())}"
    if export.state in UNFINISHED:
        return [f"{export.month}: CircleCI is still writing the export {asked}; call this again, and it goes on"]
    if export.state is ExportState.FAILED:
        return [f"{export.month}: CircleCI could not write the export {asked}: {export.remark}; call this again"]
    if export.state is ExportState.EMPTY:
        return [f"{export.month}: CircleCI has no usage data, which does not mean that nothing was spent"]
    return []


def _print(report: Json, by: By, *, as_csv: bool, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    if as_csv:
        _print_csv(report["items"])
        return
    if not report["items"]:
        return
    names = COLUMNS_OF[by]
    columns = (
        Column(heading="month"),
        *(Column(heading=name, cut_to=MIN_WIDTH, keeps_end=name == "project") for name in names),
        *(Column(heading=heading) for heading in ("credits", "failed", "reruns")),
        *(Column(heading=heading, is_extra=True) for heading in ("runs", "minutes")),
    )
    print_table(columns, [_row(one, names) for one in report["items"]])
    for line in report["sentences"]:
        say(line)


def _row(one: Json, names: Sequence[str]) -> tuple[object, ...]:
    numbers = (one[name] for name in ("credits", "failed_credits", "rerun_credits"))
    return (
        one["month"],
        *(one[name] for name in names),
        *(f"{number:,.0f}" for number in numbers),
        one["runs"],
        round(one["seconds"] / 60),
    )


def _print_csv(items: Sequence[Json]) -> None:
    """Print the items as CSV.

    A cell that a spreadsheet would calculate begins with an apostrophe.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if items:
        writer.writerow(items[0])
    writer.writerows([[_safe(cell) for cell in item.values()] for item in items])
    with writing():
        sys.stdout.write(out.getvalue())
        sys.stdout.flush()


def _safe(cell: object) -> object:
    is_formula = isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}
    return f"'{cell}" if is_formula else cell
