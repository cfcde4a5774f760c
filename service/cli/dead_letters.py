"""The command that lists dead letters: dead-letters."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from service.cli import _event_text
from service.cli._database import with_store
from service.cli._output import AsJson, print_json, say
from service.errors import BadRequest
from service.operations.bulk_actions import MAX_SUBJECTS
from service.operations.dead_letters import count, list_all_dead_letters, list_dead_letters
from service.operations.queries import MAX_PAGE_SIZE


def dead_letters(  # noqa: PLR0917 - one option each
    dismissed: Annotated[bool, typer.Option("--dismissed", help="List what was dismissed instead.")] = False,
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_PAGE_SIZE, metavar="NUMBER", help=f"At most {MAX_PAGE_SIZE}.")
    ] = MAX_PAGE_SIZE,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    every: Annotated[bool, typer.Option("--all", help=f"List all pages, up to {MAX_SUBJECTS} dead letters.")] = False,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first.

    They are deliveries that were not understood and notifications that could not be sent, each with its reason and the
    commands that try again or dismiss it. Exit code 1 when there are any.
    """
    if every and cursor:
        raise BadRequest("--all lists every page, and --cursor names one: give one of the two")
    found = with_store(
        lambda _, store: (
            list_all_dead_letters(store, dismissed=dismissed)
            if every
            else store.snapshot(list_dead_letters, limit=limit, cursor=cursor or None, dismissed=dismissed)
        )
    )
    print_json(found) if as_json else _print_page(found, dismissed=dismissed)
    if not dismissed and count(found):
        raise typer.Exit(1)


def _print_page(found: Any, *, dismissed: bool) -> None:
    for delivery in found["deliveries"]:
        say(
            f"delivery {delivery['id']} of {_event_text.format_time(delivery['received_at'])}: {delivery['reason']}",
            "bold",
        )
        _print_actions(delivery["actions"])
        _print_commands("replay", delivery["id"], dismissed=dismissed)
    for notification in found["notifications"]:
        status = _event_text.notification_status(notification)
        say(f"notification {notification['id']} to {notification['channel_label']}: {status}", "bold")
        if event := notification["event"]:
            say(f"  {_event_text.headline(event)[0]}, {_event_text.format_time(event['happened_at'])}")
        elif notification["title"]:
            say(f"  {notification['title']}")
        _print_actions(notification["actions"])
        _print_commands("resend", notification["id"], dismissed=dismissed)
        if event:
            say(f"  roundsman explain {event['id']}")
    if not count(found):
        say("nothing was dismissed" if dismissed else "nothing waits for a person")
    if found["next"]:
        say(f"older ones: --cursor {found['next']}, or --all")


def _print_actions(actions: Sequence[Any]) -> None:
    for sentence, style in _event_text.operator_action_lines(actions, ()):
        say(f"  {sentence}", style)


def _print_commands(again: str, subject: str, *, dismissed: bool) -> None:
    say(f"  roundsman {again} {subject}")
    if not dismissed:
        say(f"  roundsman dismiss {subject}")
