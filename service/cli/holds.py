"""The command holds: workflows that wait for an approval."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from service.cli._database import with_store
from service.cli._output import MIN_WIDTH, AsJson, print_json, print_table, say
from service.model.holds import Hold
from service.operations.json_shapes import rfc3339
from service.store.circleci import holds as stored
from service.terminal import Column

COLUMNS = (
    Column(heading="since"),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="branch", cut_to=MIN_WIDTH),
    Column(heading="workflow", cut_to=MIN_WIDTH),
    Column(heading="approval", cut_to=MIN_WIDTH),
    Column(heading="ended", cut_to=MIN_WIDTH),
)
Ended = Annotated[bool, typer.Option("--ended", help="Those that were approved or canceled instead.")]


def holds(ended: Ended = False, as_json: AsJson = False) -> None:
    """List the workflows that wait for an approval.

    Those that wait longest come first. Times are UTC.
    """
    found = with_store(lambda _, store: store.read(stored.find, is_ended=ended))
    if as_json:
        print_json({"items": [_json(one) for one in found]})
    elif found:
        print_table(COLUMNS, [_row(one) for one in found])
    else:
        say("no workflow was approved or canceled" if ended else "no workflow waits for an approval")


def _row(hold: Hold) -> tuple[object, ...]:
    by = f" by {hold.approved_by}" if hold.approved_by else ""
    end = f"{hold.ended_as}{by}" if hold.ended_as else None
    return (f"{hold.since:%Y-%m-%d %H:%M}", hold.project, hold.branch, hold.workflow, hold.job, end)


def _json(hold: Hold) -> dict[str, Any]:
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in asdict(hold).items()}
