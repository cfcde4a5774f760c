"""Commands for incidents: list, show, take, release, classify, mute."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._known_names import complete_branch, complete_project
from service.cli._operator import operator, user_name
from service.cli._output import DIGITS, MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say
from service.cli._subjects import confirm
from service.cli._values import completion_of
from service.cli.status import describe_definition, describe_mute, describe_taken
from service.config.settings import Settings
from service.db.database import Store
from service.errors import AlreadyTaken
from service.model import IncidentClass
from service.operations import ids
from service.operations.ids import Noun
from service.operations.incidents.incidents import STATES, act_on, is_muted, list_incidents, parse_act, show_incident
from service.operations.json_shapes import Json, with_marks
from service.operations.queries import MAX_PAGE_SIZE
from service.operations.unknown_projects import unknown_projects
from service.terminal import Column

COLUMNS = (
    Column(heading="id", short=DIGITS),
    Column(heading="state"),
    Column(heading="opened (UTC)", short=MINUTES),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="branch", cut_to=MIN_WIDTH),
    Column(heading="workflow", cut_to=MIN_WIDTH),
    Column(heading="reds"),
    Column(heading="taken by", cut_to=MIN_WIDTH, is_extra=True),
)
Values = list[str] | None
IncidentId = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, or the first 8 digits, from `roundsman incidents list`.")
]
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]

incidents = Group("See what is red, and say who has it.")


@incidents.command("list")
def list_command(  # noqa: PLR0913, PLR0917 - one option each
    project: Annotated[
        Values,
        typer.Option(metavar="NAME", help="Of this project, by slug or name.", autocompletion=complete_project),
    ] = None,
    branch: Annotated[
        Values, typer.Option(metavar="NAME", help="Of this branch.", autocompletion=complete_branch)
    ] = None,
    state: Annotated[
        Values, typer.Option(metavar="STATE", help="open or closed.", autocompletion=completion_of(STATES))
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_PAGE_SIZE, metavar="NUMBER", help=f"At most {MAX_PAGE_SIZE}.")
    ] = 50,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List incidents, the one that opened last first."""
    asked = {"project": project or [], "branch": branch or [], "state": state or []}

    async def read(_: Settings, store: Store) -> tuple[Json, datetime, Sequence[str]]:
        page = await store.snapshot(list_incidents, asked, limit=limit, cursor=cursor or None)
        return page, store.clock(), () if page["items"] else await store.snapshot(unknown_projects, asked["project"])

    page, now, unknown = with_store(read)
    if as_json:
        print_json(page)
        return
    if page["items"]:
        [items] = with_marks(page["items"])
        print_table(COLUMNS, [_row(one, now) for one in items])
    else:
        say("; ".join(["no incidents", *unknown]))
    if page["next"]:
        say(f"older ones: --cursor {page['next']}")


@incidents.command("show")
def show_command(incident: IncidentId, as_json: AsJson = False) -> None:
    """Show an incident, and what people did."""

    async def read(_: Settings, store: Store) -> Json:
        _noun, incident_id = await ids.find(store, incident, Noun.INCIDENT)
        return await store.snapshot(show_incident, incident_id)

    found = with_store(read)
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        say(line)
    for done in found["actions"]:
        why = f": {done['reason']}" if done["reason"] else ""
        say(f"  {format_time(done['at'])} {done['verb']} by {done['who']}{why}")


@incidents.command("take")
def take_command(  # noqa: PLR0913, PLR0917 - one option each
    incident: IncidentId,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who has it; you without it.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Until when: 2h, 1d12h or 2026-11-22T09:30:00Z.")] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="What others should know.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Take it over from the one who has it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take an incident: reminders end, others see who has it.

    If another person has it, it asks first whether to take it over.
    """
    asked = {"by": by or user_name(), "until": until, "note": note}
    try:
        _act(incident, "take", as_json, **asked, replace=replace)
    except AlreadyTaken as taken:
        confirm(f"{taken.reason}. Take it over?", is_confirmed=False, option="--replace")
        _act(incident, "take", as_json, **asked, replace=taken.holder)


@incidents.command("release")
def release_command(incident: IncidentId, because: Because = "", as_json: AsJson = False) -> None:
    """Release a taken incident."""
    _act(incident, "release", as_json, because=because)


@incidents.command("classify")
def classify_command(  # noqa: PLR0917 - one option each
    incident: IncidentId,
    class_: Annotated[
        str,
        typer.Argument(
            metavar="CLASS", help=f"{', '.join(IncidentClass)}.", autocompletion=completion_of(IncidentClass)
        ),
    ] = "",
    fixed_by: Annotated[str, typer.Option(metavar="REVISION", help="The revision that fixed it.")] = "",
    because: Because = "",
    as_json: AsJson = False,
) -> None:
    """Say what an incident is, or which revision fixed it."""
    _act(incident, "classify", as_json, **{"class": class_}, fixed_by=fixed_by, because=because)


@incidents.command("mute")
def mute_command(
    incident: IncidentId,
    until: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Until when: 2h, 1d12h or 2026-11-22T09:30:00Z; until it is fixed without it; now ends a mute.",
        ),
    ] = "",
    because: Because = "",
    as_json: AsJson = False,
) -> None:
    """Mute an incident: only its end is told."""
    _act(incident, "mute", as_json, until=until, because=because)


def _act(incident: str, verb: str, as_json: bool, **asked: str | bool) -> None:
    async def do(_: Settings, store: Store) -> Json:
        _noun, incident_id = await ids.find(store, incident, Noun.INCIDENT)
        act = parse_act(verb, asked, who=operator(), now=store.clock())
        return await store.write(act_on, incident_id, act)

    found = with_store(do)
    if as_json:
        print_json(found)
        return
    for line in _lines(found):
        say(line)


def _row(one: Any, now: datetime) -> tuple[Any, ...]:
    taken = one["taken"]["by"] if one["taken"] else None
    state = "muted" if is_muted(one, now) else one["state"]
    opened = format_time(one["opened_at"]).removesuffix(" UTC")
    return (
        one["id"],
        state,
        opened,
        f"{one['project_name'] or one['project']}{one['mark']}",
        one["branch"],
        f"{one['workflow'] or ''}{describe_definition(one)}" or None,
        one["streak"],
        taken,
    )


def _lines(one: Any) -> Iterator[str]:
    """Yield an incident in words."""
    place = " ".join(filter(None, [one["project_name"] or one["project"], one["branch"], one["workflow"]]))
    yield f"incident {one['id']} of {place}{describe_definition(one)}"
    times = "once" if one["streak"] == 1 else f"{one['streak']} times"
    yield f"  {one['state']}, red {times} since {format_time(one['opened_at'])}"
    if one["closed_at"]:
        yield f"  closed {format_time(one['closed_at'])}: {one['closed_because']}"
    if one["taken"]:
        yield f"  {describe_taken(one['taken'])}"
    if one["class"]:
        yield f"  class {one['class']}, says {one['class_by']}"
    if one["fixed_by"]:
        yield f"  fixed by {one['fixed_by']}"
    if one["state"] == "open" and one["muted_until"]:
        yield f"  {describe_mute(one['muted_until'])}"
