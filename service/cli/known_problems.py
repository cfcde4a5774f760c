"""Commands for known problems: list, add, close."""

import os
from typing import Annotated, Any

import typer

from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._operator import operator
from service.cli._output import DIGITS, MIN_WIDTH, AsJson, print_json, print_table, say
from service.config.configuration import load
from service.config.settings import Settings
from service.db.database import Store
from service.operations import ids
from service.operations.ids import Noun
from service.operations.incidents.known_problems import add, close, list_problems, parse_problem, problem_json
from service.operations.json_shapes import Json
from service.terminal import Column

COLUMNS = (
    Column(heading="id", short=DIGITS),
    Column(heading="state"),
    Column(heading="from"),
    Column(heading="title", cut_to=MIN_WIDTH),
    Column(heading="matches", cut_to=MIN_WIDTH),
    Column(heading="owner", cut_to=MIN_WIDTH),
    Column(heading="link", cut_to=MIN_WIDTH, is_extra=True),
)

known_problems = Group("Name failures whose cause is known, or mute them.")


@known_problems.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="List closed ones too.")] = False, as_json: AsJson = False
) -> None:
    """List known problems, those of roundsman.yaml first."""
    from_file = load(os.environ, serving=False, sending=False).known_problems

    async def read(_: Settings, store: Store) -> Json:
        return await store.snapshot(list_problems, store.clock(), from_file=from_file, every=every)

    page = with_store(read)
    if as_json:
        print_json(page)
    elif page["items"]:
        print_table(COLUMNS, [_row(one) for one in page["items"]])
    else:
        say("no known problems")


@known_problems.command("add")
def add_command(  # noqa: PLR0913, PLR0917 - one option each
    title: Annotated[str, typer.Option(metavar="TEXT", help="What it is.")] = "",
    pattern: Annotated[
        str, typer.Option(metavar="TEXT", help="Found in the text of a failure; * and ? are wildcards.")
    ] = "",
    fingerprint: Annotated[
        str, typer.Option(metavar="HEX", help="Instead: that of the failure, or its first 8 digits.")
    ] = "",
    link: Annotated[str, typer.Option(metavar="ADDRESS", help="Its ticket.")] = "",
    owner: Annotated[str, typer.Option(metavar="NAME", help="Who takes care of it.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="It counts as closed from then on: 30d, 2026-12-24.")] = "",
    mute: Annotated[bool, typer.Option("--mute", help="Do not tell of runs that failed of nothing else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Add a known problem, which messages of such failures name."""
    asked: dict[str, object] = {"title": title, "pattern": pattern, "fingerprint": fingerprint}
    asked |= {"link": link, "owner": owner, "until": until, "mute": mute}

    async def do(_: Settings, store: Store) -> Json:
        now = store.clock()
        problem = parse_problem(asked, who=operator(), now=now)
        await store.write(add, problem)
        return problem_json(problem, now)

    shape = with_store(do)
    if as_json:
        print_json(shape)
        return
    until_words = f" until {format_time(shape['until'])}" if shape["until"] else ""
    say(f"known problem {shape['id'][:DIGITS]} is open{until_words}")


@known_problems.command("close")
def close_command(
    problem_ids: Annotated[
        list[str],
        typer.Argument(metavar="PROBLEM", help="Ids, or their first 8 digits, from the list."),
    ],
    as_json: AsJson = False,
) -> None:
    """Close known problems; a failure that matches reopens one.

    Those of roundsman.yaml are closed by taking them out of it.
    """

    async def do(_: Settings, store: Store) -> list[Json]:
        found = [(await ids.find(store, one, Noun.KNOWN_PROBLEM))[1] for one in problem_ids]
        now = store.clock()
        return [problem_json(await store.write(close, one, who=operator(), now=now), now) for one in found]

    closed = with_store(do)
    if as_json:
        print_json({"items": closed})
        return
    for one in closed:
        say(f"known problem {one['id'][:DIGITS]} is closed")


def _row(one: Any) -> tuple[str | None, ...]:
    matches = one["pattern"] or one["fingerprint"]
    return one["id"], one["state"], one["source"], one["title"], matches, one["owner"], one["link"]
