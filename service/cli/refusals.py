"""The command that shows why posts were refused: refusals."""

from typing import Any

from service.cli import _event_text
from service.cli._database import with_store
from service.cli._output import AsJson, print_json, say
from service.operations.queries import list_refusals


def refusals(as_json: AsJson = False) -> None:
    """List the last posts that were refused.

    When, from where, why, and how to mend it: the last 50, newest first. Those of one reason and
    address are one entry with their number, and each process puts one entry a second on record at most.
    """
    found = with_store(lambda _, store: store.read(list_refusals))
    if as_json:
        print_json(found)
        return
    for refusal in found["items"]:
        _print(refusal)
    if not found["items"]:
        say("no post was refused")


def _print(refusal: Any) -> None:
    where = refusal["address"] or "an unknown address"
    say(f"{_event_text.format_time(refusal['at'])} from {where}: {refusal['status']}, {refusal['reason']}", "bold")
    if refusal["next_step"]:
        say(f"  {refusal['next_step']}")
    if refusal["user_agent"] or refusal["hook_id"]:
        hook = f", of hook {refusal['hook_id']} as it says" if refusal["hook_id"] else ""
        say(f"  sent by {refusal['user_agent'] or 'a program without a name'}{hook}")
    if refusal["count"] > 1:
        say(f"  the last of {refusal['count']} such posts")
