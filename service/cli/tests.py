"""Commands for tests: list, show."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time, readable_project
from service.cli._known_names import complete_branch, complete_project
from service.cli._output import MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say
from service.config.settings import Settings
from service.db.database import Store
from service.operations.json_shapes import Json, with_marks
from service.operations.queries import MAX_PAGE_SIZE
from service.operations.test_history.judged_tests import TestState
from service.operations.test_history.tests import ASKED, LISTED, TestSearch, list_tests, show_tests, to_state
from service.operations.unknown_projects import unknown_projects
from service.store.test_history.test_list import TestFilter
from service.terminal import Column

COLUMNS = (
    Column(heading="test", cut_to=MIN_WIDTH),
    Column(heading="job", cut_to=MIN_WIDTH),
    Column(heading="state"),
    Column(heading="fails"),
    Column(heading="last failed (UTC)", short=MINUTES),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True, is_extra=True),
    Column(heading="evidence", cut_to=MIN_WIDTH, is_extra=True),
)

ProjectOption = Annotated[
    str, typer.Option("--project", metavar="PROJECT", help="Its slug or name.", autocompletion=complete_project)
]
BranchOption = Annotated[
    str,
    typer.Option("--branch", metavar="BRANCH", help="By results on this branch alone.", autocompletion=complete_branch),
]

tests = Group("Tests that failed: new, failing, flaky and slow ones.")


@tests.command("list")
def list_command(  # noqa: PLR0913, PLR0917 - one option each
    project: ProjectOption = "",
    branch: BranchOption = "",
    state: Annotated[
        str, typer.Option(metavar="STATE", help=f"One of {', '.join(ASKED)}; a new one is failing too.")
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_PAGE_SIZE, metavar="NUMBER", help=f"At most {MAX_PAGE_SIZE}.")
    ] = 50,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List tests that failed, latest first; flaky ones by flips."""
    search = TestSearch(wanted=_filter(project, branch), state=to_state([state] if state else []))

    async def read(_: Settings, store: Store) -> tuple[Json, Sequence[str]]:
        page = await store.snapshot(list_tests, store.clock(), search, LISTED, limit=limit, cursor=cursor or None)
        return page, () if page["items"] else await store.snapshot(unknown_projects, [project])

    page, unknown = with_store(read)
    if as_json:
        print_json(page)
        return
    if page["items"]:
        [items] = with_marks(page["items"])
        print_table(COLUMNS, [_row(one) for one in items])
    else:
        say("; ".join(["no tests", *unknown]))
    say_coverage(page)
    if page["left_out"]:
        say(f"{page['left_out']} more failed before these: it was not looked at whether they are flaky")
    if page["next"]:
        say(f"{'more' if state == TestState.FLAKY else 'older ones'}: --cursor {page['next']}")


@tests.command("show")
def show_command(
    name: Annotated[str, typer.Argument(metavar="TEST", help="The name of a test, from `roundsman tests list`.")],
    project: ProjectOption = "",
    branch: BranchOption = "",
    as_json: AsJson = False,
) -> None:
    """Show the tests of a name, each with its last results."""

    async def read(_: Settings, store: Store) -> Json:
        return await store.snapshot(show_tests, store.clock(), _filter(project, branch, name))

    found = with_store(read)
    if as_json:
        print_json(found)
        return
    for one in found["items"]:
        for line in _lines(one):
            say(line)
    say_coverage(found)


def say_coverage(found: Any) -> None:
    """Say for how many red runs tests are known, unless for all."""
    coverage = found["coverage"]
    if coverage["known"] < coverage["red_runs"]:
        say(f"tests known for {coverage['known']} of {coverage['red_runs']} red runs of the last 90 days")


def _filter(project: str, branch: str, name: str = "") -> TestFilter:
    return TestFilter(project=project or None, branch=branch or None, name=name or None)


def _row(one: Any) -> tuple[str, ...]:
    return (
        one["name"],
        one["job"],
        one["state"],
        f"{one['fails']} of {one['runs']}",
        format_time(one["last_failed_at"]).removesuffix(" UTC"),
        f"{one['project_name'] or one['project']}{one['mark']}",
        one["evidence"] or "",
    )


def _lines(one: Any) -> list[str]:
    module = one["class_name"] or one["file"]
    lines = [
        f"{one['name']}{f' in {module}' if module else ''}: {one['state']}",
        f"  job {one['job']} of {readable_project(one)}",
        f"  {one['fails']} of {one['runs']} runs failed in 90 days, first {format_time(one['first_failed_at'])}",
    ]
    if one["evidence"]:
        lines.append(f"  {one['evidence']}")
    return lines + [
        f"  {format_time(result['at'])}  {result['result']}  {result['branch'] or ''}  {(result['revision'] or '')[:7]}"
        for result in one["results"]
    ]
