"""The command for the state of a branch: status."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from service.cli._database import with_store
from service.cli._event_text import format_time, readable_project
from service.cli._known_names import complete_branch, complete_project
from service.cli._output import DIGITS, AsJson, print_json, say, warn
from service.cli.tests import say_coverage
from service.config.settings import Settings
from service.db.database import Store
from service.db.tables import Transaction
from service.operations.incidents.incidents import UNTIL_FIXED
from service.operations.json_shapes import Json, with_marks
from service.operations.overviews.status import GREEN, RED, UNKNOWN, Asked, near_names, read_status
from service.store.incidents import incident_search
from service.text import definition_digits

STYLES = {RED: "bold red", GREEN: "bold green"}


def status(
    project: Annotated[
        str,
        typer.Argument(
            metavar="PROJECT", help="Its slug or name; without it, every one.", autocompletion=complete_project
        ),
    ] = "",
    branch: Annotated[
        str,
        typer.Option(metavar="NAME", help="Without it the default one of the project.", autocompletion=complete_branch),
    ] = "",
    workflow: Annotated[str, typer.Option(metavar="NAME", help="Of this workflow alone.")] = "",
    as_json: AsJson = False,
) -> None:
    """Say whether a branch is red, since when, and who has it.

    Exit code 0 when it is green, 1 when it is red or unknown, 2 for wrong use.
    """
    asked = Asked(project=project or None, branch=branch or None, workflow=workflow or None)

    async def read(_: Settings, store: Store) -> tuple[Json, int, Sequence[str]]:
        found = await store.snapshot(read_status, asked, store.clock())
        open_elsewhere = 0 if asked != Asked() else await store.snapshot(_count_open_elsewhere, found)
        return found, open_elsewhere, () if found["workflows"] else await store.snapshot(near_names, asked)

    found, open_elsewhere, hints = with_store(read)
    if as_json:
        print_json(found)
    else:
        for line in _lines(found):
            say(line, STYLES.get(found["state"], ""))
        for one in _workflows(found):
            say(f"  {describe(one)}", STYLES[RED] if one["state"] == RED else "")
        if open_elsewhere:
            say(_describe_elsewhere(open_elsewhere))
        say_coverage(found)
    warn(hints)
    if found["state"] != GREEN:
        raise typer.Exit(1)


def _lines(found: Any) -> Iterator[str]:
    if found["project"] is None:
        yield f"{_count(found)}{_since(found)}"
    else:
        place = " ".join(filter(None, [readable_project(found), found["branch"]]))
        yield f"{place} is {found['state']}{_since(found)}"


def _workflows(found: Any) -> Sequence[Json]:
    """Return the workflows; those of every project with the marks of equal names."""
    workflows: Sequence[Json] = found["workflows"]
    return workflows if found["project"] is not None else with_marks(workflows)[0]


def _count(found: Any) -> str:
    """Return the share of known workflows: ``2 of 9 workflows are red``."""
    states = [one["state"] for one in found["workflows"]]
    if not states:
        return "no run of a workflow is on record there" if found["branch"] else "no run of a workflow is on record"
    known = [one for one in states if one != UNKNOWN] or states
    number, noun = known.count(found["state"]), "workflow" if len(known) == 1 else "workflows"
    longest = ", the longest" if number > 1 and found["since"] else ""
    return f"{number} of {len(known)} {noun} {'is' if number == 1 else 'are'} {found['state']}{longest}"


def _since(shape: Any) -> str:
    return f" since {format_time(shape['since'])}" if shape["since"] else ""


def _count_open_elsewhere(transaction: Transaction, found: Any) -> int:
    """Return the number of open incidents beside those shown.

    They are of branches that are no default ones, or of tracks without a run for long.
    """
    shown = {one["incident"] for one in found["workflows"] if one["incident"]}
    return max(0, incident_search.count_open(transaction) - len(shown))


def _describe_elsewhere(number: int) -> str:
    noun = "incident is" if number == 1 else "incidents are"
    return f"{number} more {noun} open elsewhere: `roundsman incidents list --state open`"


def describe(one: Any) -> str:
    """Return the state of a workflow in words."""
    project = f"{one.get('project_name') or one.get('project') or ''}{one.get('mark', '')}"
    place = " ".join(filter(None, [project, one.get("branch"), one["workflow"] or "a workflow"]))
    parts = [f"{place}{describe_definition(one)}: {one['state']}{_since(one)}"]
    if one["streak"] > 1:
        parts.append(f"{one['streak']} times in a row")
    if one["incident"]:
        parts.append(f"incident {one['incident'][:DIGITS]}")
    if one["taken"]:
        parts.append(describe_taken(one["taken"]))
    if one.get("muted_until"):
        parts.append(describe_mute(one["muted_until"]))
    return ", ".join(parts)


def describe_definition(one: Any) -> str:
    """Return the pipeline definition in words, where a workflow needs it to be told."""
    return f" (definition {definition_digits(one['definition'])})" if one.get("definition") else ""


def describe_mute(until: str) -> str:
    """Return until when an incident is muted in words."""
    is_until_fixed = until[:4] == str(UNTIL_FIXED.year)
    return f"muted until {'it is fixed' if is_until_fixed else format_time(until)}"


def describe_taken(taken: Any) -> str:
    """Return who has an incident in words."""
    until = f" until {format_time(taken['until'])}" if taken["until"] else ""
    note = f" ({taken['note']})" if taken["note"] else ""
    return f"taken by {taken['by']}, {format_time(taken['at'])}{until}{note}"
