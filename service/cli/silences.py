"""Commands for silences: list, add, expire."""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from service.app.job_engines import job_engine
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._operator import operator
from service.cli._output import DIGITS, MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say
from service.config.configuration import load
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadRequest
from service.model import SilenceState
from service.operations import ids
from service.operations.ids import Noun
from service.operations.incidents.silences import (
    MAX_COMMENT,
    add,
    expire,
    list_silences,
    parse_silence,
    preview,
    preview_json,
    silence_json,
)
from service.operations.json_shapes import Json
from service.operations.queries import MAX_PAGE_SIZE
from service.routing.patterns import quote
from service.terminal import Column

COLUMNS = (
    Column(heading="id", short=DIGITS),
    Column(heading="state"),
    Column(heading="from (UTC)", short=MINUTES),
    Column(heading="until (UTC)", short=MINUTES),
    Column(heading="silences", cut_to=MIN_WIDTH),
    Column(heading="who", cut_to=MIN_WIDTH),
    Column(heading="comment", cut_to=MIN_WIDTH, is_extra=True),
)

silences = Group("Keep messages back for a time.")


@silences.command("list")
def list_command(
    every: Annotated[bool, typer.Option("--all", help="List those that have ended too.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_PAGE_SIZE, metavar="NUMBER", help=f"Of ended ones, at most {MAX_PAGE_SIZE}.")
    ] = 50,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List silences, those that end last first."""
    states = [*SilenceState] if every or cursor else []

    async def read(_: Settings, store: Store) -> Json:
        return await store.snapshot(list_silences, store.clock(), states=states, limit=limit, cursor=cursor or None)

    page = with_store(read)
    if as_json:
        print_json(page)
        return
    if page["items"]:
        print_table(COLUMNS, [_row(one) for one in page["items"]])
    else:
        say("no silences")
    if page["next"]:
        say(f"older ones: --cursor {page['next']}")


@silences.command("add")
def add_command(  # noqa: PLR0913, PLR0917 - one option each
    match: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=PATTERN",
            help="What to silence, by a match key of routes, such as branch=main; repeatable. "
            "All keys must fit, and one pattern of each.",
        ),
    ] = None,
    until: Annotated[str, typer.Option(metavar="TIME", help="Its end: 2h, 1d12h or 2026-11-22T09:30:00Z.")] = "",
    comment: Annotated[
        str, typer.Option(metavar="TEXT", help=f"Why, for those who wonder: at most {MAX_COMMENT} characters.")
    ] = "",
    from_: Annotated[str, typer.Option("--from", metavar="TIME", help="Its begin, likewise. Now without it.")] = "",
    only_preview: Annotated[
        bool, typer.Option("--preview", help="Say what it would have silenced, and do not set it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Set a silence: no message of what it fits, until it ends.

    It says first how many messages of the last 30 days it would have silenced. A silence lasts 30 days at most.
    """
    asked = {"matchers": _to_matchers(match or ()), "from": from_, "until": until, "comment": comment}
    from_file = load(os.environ, serving=False, sending=False).known_problems if _is_of_problems(asked) else ()

    async def do(_: Settings, store: Store) -> tuple[Json, str]:
        now = store.clock()
        silence = parse_silence(asked, who=operator(), now=now)
        if only_preview:
            previewed = await store.snapshot(preview, silence, now, from_file=from_file)
        else:
            previewed = await add(store, silence, from_file=from_file)
        shape = silence_json(silence, now) | {"would_have_silenced": preview_json(previewed)}
        return shape, previewed.sentence(now)

    shape, sentence = with_store(do)
    if as_json:
        print_json(shape | ({"id": None} if only_preview else {}))
        return
    say(f"it {sentence}")
    if not only_preview:
        say(f"silence {shape['id'][:DIGITS]} is set until {format_time(shape['until'])}")


@silences.command("expire")
def expire_command(
    silence_ids: Annotated[
        list[str],
        typer.Argument(metavar="SILENCE", help="Ids, or their first 8 digits, from `roundsman silences list`."),
    ],
    as_json: AsJson = False,
) -> None:
    """End silences now."""

    async def do(settings: Settings, store: Store) -> Sequence[Json]:
        found = [(await ids.find(store, one, Noun.SILENCE))[1] for one in silence_ids]
        now, jobs = store.clock(), job_engine(settings, store)
        return [silence_json(await expire(store, jobs, one, who=operator(), now=now), now) for one in found]

    expired = with_store(do)
    if as_json:
        print_json({"items": expired})
        return
    for one in expired:
        say(f"silence {one['id'][:DIGITS]} has ended")


def _to_matchers(written: Sequence[str]) -> Mapping[str, list[str]]:
    matchers: dict[str, list[str]] = {}
    for one in written:
        key, equals, pattern = one.partition("=")
        if not equals:
            raise BadRequest(f"--match {one!a}: write KEY=PATTERN, such as --match branch=main")
        matchers.setdefault(key, []).append(pattern)
    if not matchers:
        raise BadRequest("say what to silence, such as --match project=gh/acme/web --match branch=main")
    return matchers


def _is_of_problems(asked: Mapping[str, Any]) -> bool:
    return "known_problem" in asked["matchers"]


def _row(one: Any) -> tuple[str, ...]:
    return (
        one["id"],
        one["state"],
        format_time(one["from"]).removesuffix(" UTC"),
        format_time(one["until"]).removesuffix(" UTC"),
        in_words(one["matchers"]),
        one["who"],
        one["comment"],
    )


def in_words(matchers: Mapping[str, Sequence[str]]) -> str:
    """Return matchers as a text, such as ``branch main, project gh/acme/*``."""
    return "; ".join(f"{key} {', '.join(map(quote, patterns))}" for key, patterns in matchers.items())
