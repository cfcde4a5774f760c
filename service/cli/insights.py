"""The command for the figures that CircleCI counts, beside our own: insights."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._known_names import complete_project
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say
from service.config.settings import Settings
from service.db.database import Store
from service.message.status_text import duration
from service.operations.figures.insights_report import Wanted, read_insights
from service.operations.json_shapes import Json
from service.operations.overviews.month_figures import MonthCache
from service.operations.test_history.shown_tests import JudgedTests
from service.terminal import Column

WORKFLOWS = (
    Column(heading="project", cut_to=MIN_WIDTH, keeps_end=True, drops_path=True, is_extra=True),
    Column(heading="workflow", cut_to=MIN_WIDTH),
    Column(heading="CircleCI says"),
    Column(heading="median"),
    Column(heading="our record"),
    Column(heading="median"),
    Column(heading="credits"),
)
TESTS = (
    Column(heading="flaky test", cut_to=MIN_WIDTH),
    Column(heading="job", cut_to=MIN_WIDTH),
    Column(heading="CircleCI says"),
    Column(heading="our record"),
    Column(heading="project", cut_to=MIN_WIDTH, keeps_end=True, drops_path=True, is_extra=True),
)
MAX_TESTS = 20
MAX_GONE = 5


def insights(
    project: Annotated[
        str,
        typer.Option(
            metavar="PROJECT", help="Its slug or name; without it, every one.", autocompletion=complete_project
        ),
    ] = "",
    workflow: Annotated[str, typer.Option(metavar="NAME", help="More of this workflow of the project.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show CircleCI's own figures (Insights) beside ours.

    CircleCI counts once a day, of default branches in 30 days. `serve` asks for it once a day, last of all calls, and
    this command reads what it kept. Exit code 1 when nothing is kept yet.
    """
    wanted = Wanted(project=project or None, workflow=workflow or None)

    async def read(_: Settings, store: Store) -> Json:
        now, judged = store.clock(), JudgedTests()
        return await store.snapshot(read_insights, wanted, now, months=MonthCache(), judged=judged)

    found = with_store(read)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if not any(one["asked_at"] for one in found["projects"]):
        raise typer.Exit(1)


def _print(found: Json) -> None:
    if found["workflows"]:
        print_table(WORKFLOWS, [_workflow_row(one) for one in found["workflows"]])
    if found["flaky_tests"]:
        print_table(TESTS, [_test_row(one) for one in found["flaky_tests"][:MAX_TESTS]])
    if found["workflow"]:
        for line in _workflow_lines(found["workflow"]):
            say(line)
    for one in found["projects"]:
        for line in _project_lines(one):
            say(line)
    if found["unknown"]:
        say(found["unknown"])
    elif not found["projects"]:
        say("no figures of CircleCI's are kept yet: where ROUNDSMAN_CIRCLECI_TOKEN is set, `serve` asks once a day")
    else:
        say(f"CircleCI says: {found['sources']['circleci']}")
        say(f"our record: {found['sources']['ours']}")


def _workflow_row(one: Any) -> tuple[object, ...]:
    theirs, ours = one["circleci"] or {}, one["ours"] or {}
    spent = theirs.get("credits")
    return (
        one["project"],
        one["workflow"],
        _share(theirs.get("share"), theirs.get("runs")),
        _seconds(theirs.get("median_s")),
        _share(ours.get("green_share"), ours.get("runs")),
        _seconds(ours.get("median_s")),
        None if spent is None else f"{spent:,}",
    )


def _share(share: float | None, runs: int | None) -> str | None:
    if runs is None:
        return None
    return f"{runs:,} runs" if share is None else f"{100 * share:.0f} % of {runs:,}"


def _seconds(seconds: float | None) -> str | None:
    return None if seconds is None else duration(round(seconds) * 1000)


def _test_row(one: Any) -> tuple[object, ...]:
    theirs, ours = one["circleci"], one["ours"]
    times = theirs and f"flaked {theirs['times']} times"
    return (one["test"], one["job"], times, ours and f"{ours['fails']} of {ours['runs']} failed", one["project"])


def _workflow_lines(said: Any) -> Iterator[str]:
    runs, slowest = said["runs"], said["slowest"]
    if runs:
        known = f"{runs['missing']:,} of them not" if runs["missing"] else "all of them"
        yield f"CircleCI counts {runs['count']:,} run{'' if runs['count'] == 1 else 's'}, {known} on record here"
    if slowest and slowest["job"]:
        median = _seconds(slowest["median_s"])
        words = "no run of it succeeded" if median is None else f"{median}, the median of {slowest['runs']} runs"
        yield f"its slowest job, by CircleCI: {slowest['job']}, {words}"
    elif slowest:
        yield f"CircleCI does not tell the runs of its slowest job ({slowest['reason']}): our own durations stand in"


def _project_lines(one: Any) -> Iterator[str]:
    if one["asked_at"] is None:
        yield f"{one['project']}: CircleCI has not been asked yet{_because(one)}"
        return
    yield f"{one['project']}: read at {format_time(one['asked_at'])}{_because(one)}"
    gone, more = one["branches"]["gone"], one["branches"]["more_gone"]
    if gone:
        names = ", ".join(each["branch"] for each in gone[:MAX_GONE])
        left = len(gone) - MAX_GONE + more
        yield f"{one['project']}: CircleCI lists no more: {names}{f' and {left} more' if left > 0 else ''}"


def _because(one: Any) -> str:
    return f"; the last try failed: {one['reason']}" if one["reason"] else ""
