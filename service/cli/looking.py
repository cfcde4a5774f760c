"""Commands that look things up, and those that do things again: events, explain, dead-letters, replay, resend."""

import asyncio
import getpass
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID

import typer

from service.app import job_engine, now_utc
from service.cli.output import AsJson, print_json, print_table, say
from service.config import load_settings
from service.errors import BadConfig
from service.jobs import Jobs
from service.manage import again, history
from service.store import Store, database_file, newest_revision, revision

events = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look up what was built.")


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Store, Jobs]]:
    """The store, beside a running service or alone. Raises BadConfig when there is nothing to look at."""
    settings = load_settings(os.environ, serving=False)
    file = database_file(settings.database_url)
    if file is not None and not file.exists():
        raise BadConfig(f"there is no database at {file} yet; start `roundsman serve`, or set ROUNDSMAN_DATABASE_URL")
    store = Store(settings.database_url)
    try:
        if await revision(store) != newest_revision():
            raise BadConfig("the database is not of this release; start `roundsman serve`, or run `roundsman migrate`")
        yield store, job_engine(settings, store)
    finally:
        await store.close()


def _filter(sentence: str) -> Any:
    return typer.Option(metavar="TEXT", help=sentence)


@events.command("list")
def list_events(  # noqa: PLR0913, PLR0917 - one option for each filter of the API
    project: Annotated[str, _filter("Its slug, such as gh/acme/web, or its name: acme/web, web.")] = "",
    branch: Annotated[str, _filter("The whole name.")] = "",
    tag: Annotated[str, _filter("The whole name.")] = "",
    workflow: Annotated[str, _filter("The whole name.")] = "",
    job: Annotated[str, _filter("The whole name.")] = "",
    status: Annotated[str, _filter("success, failed, error, canceled or unauthorized.")] = "",
    event: Annotated[str, _filter("workflow-completed, job-completed or ping.")] = "",
    actor: Annotated[str, _filter("Login or name of who started it.")] = "",
    since: Annotated[str, _filter("From this time on: 2026-11-22 or 2026-11-22T09:30:00Z.")] = "",
    until: Annotated[str, _filter("Before this time.")] = "",
    q: Annotated[str, typer.Option("--q", metavar="WORDS", help="Whole words of names, subject or revision.")] = "",
    limit: Annotated[int, typer.Option(metavar="NUMBER", help=f"At most {history.MOST_AT_ONCE}.")] = 20,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List events, newest first."""
    given = {**locals()}  # the options bear the filters' names
    search = history.to_search({name: given[name] for name in history.SEARCHABLE})

    async def look() -> Any:
        async with _open() as (store, _):
            return await history.list_events(store, search, limit=limit, cursor=cursor or None)

    page = asyncio.run(look())
    print_json(page) if as_json else _print_page(page)


def _print_page(page: Any) -> None:
    if not page["items"]:
        say("no events")
        return
    print_table(
        ("when (UTC)", "id", "status", "project", "branch or tag", "workflow / job", "commit"),
        [
            (
                event["happened_at"][:19].replace("T", " "),
                event["id"],
                event["status"] or event["kind"],
                event["project"]["name"] or event["project"]["slug"],
                event["tag"] or event["branch"],
                " / ".join(filter(None, [event["workflow"]["name"], (event["job"] or {}).get("name")])) or None,
                event["commit"]["subject"],
            )
            for event in page["items"]
        ],
    )
    if page["next"]:
        say(f"older ones: --cursor {page['next']}")


@events.command("show")
def show_event(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="An id, from `roundsman events list`.")],
    as_json: AsJson = False,
) -> None:
    """Show everything on record about an event."""
    shape = _look_up(event_id)
    if as_json:
        print_json(shape)
        return
    _print_event(shape)
    _print_decisions(shape)
    _print_notifications(shape["notifications"])


def explain(
    event_id: Annotated[str, typer.Argument(metavar="EVENT", help="An id, from `roundsman events list`.")],
    as_json: AsJson = False,
) -> None:
    """Explain why people were told of an event, or were not.

    Shows each route's reason, and each attempt at telling somebody.
    """
    shape = _look_up(event_id)
    if as_json:
        print_json({name: shape[name] for name in ("id", "status", "decisions", "notifications")})
        return
    _print_decisions(shape)
    _print_notifications(shape["notifications"])


def _look_up(event_id: str) -> Any:
    async def look() -> Any:
        async with _open() as (store, _):
            return await history.show_event(store, history.to_id(event_id))

    return asyncio.run(look())


def _print_event(event: Any) -> None:
    where = event["tag"] or event["branch"] or "no branch"
    say(f"{event['project']['name'] or event['project']['slug']} {where}: {event['status'] or event['kind']}", "bold")
    facts = {
        "workflow": event["workflow"]["name"],
        "job": (event["job"] or {}).get("name"),
        "commit": " ".join(filter(None, [(event["revision"] or "")[:7], event["commit"]["subject"]])),
        "by": event["actor"]["name"] or event["actor"]["login"] or event["commit"]["author_name"],
        "happened": event["happened_at"],
        "received": event["received_at"],
        "at CircleCI": event["workflow"]["url"],
        "delivery": f"{event['delivery']['state']}, posted {event['delivery']['repeats'] + 1} time(s)",
    }
    for name, value in facts.items():
        if value:
            say(f"  {name:<12}{value}")
    for missing in (event["details"] or {}).get("missing", []):
        say(f"  not known   {missing['want']}: {missing['reason']}", "yellow")


def _print_decisions(event: Any) -> None:
    if not event["decisions"]:
        say("nobody was told: roundsman.yaml had no routes")
    for decision in event["decisions"]:
        if decision["round"] == event["decisions"][0]["round"]:
            say(f"route '{decision['route']}' to {decision['receiver']}: {decision['verdict']}", "bold")
            say(f"  {decision['reason']}")


def _print_notifications(notifications: Any) -> None:
    for notification in notifications:
        say(f"{notification['channel_label']}: {notification['state']}  (notification {notification['id']})", "bold")
        for attempt in notification["attempts"]:
            outcome = attempt["reason"] or attempt["receipt"] or ""
            say(f"  attempt {attempt['number']} at {attempt['started_at']}: {attempt['outcome']} {outcome}".rstrip())


def dead_letters(as_json: AsJson = False) -> None:
    """List what waits for a person.

    Deliveries that were not understood and notifications that could not be sent, each with its reason and the command
    that tries again. Exit code 1 when there are any.
    """

    async def look() -> Any:
        async with _open() as (store, _):
            return await history.dead_letters(store)

    waiting = asyncio.run(look())
    if as_json:
        print_json(waiting)
    else:
        _print_waiting(waiting)
    if waiting["deliveries"] or waiting["notifications"]:
        raise typer.Exit(1)


def _print_waiting(waiting: Any) -> None:
    for delivery in waiting["deliveries"]:
        say(f"delivery {delivery['id']} of {delivery['received_at']}: {delivery['reason']}")
        say(f"  roundsman replay {delivery['id']}")
    for notification in waiting["notifications"]:
        say(f"notification {notification['id']} to {notification['channel_label']}: {notification['reason']}")
        say(f"  roundsman resend {notification['id']}")
    if not waiting["deliveries"] and not waiting["notifications"]:
        say("nothing waits for a person")


def replay(
    delivery_id: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="An id: its event's, or one from `roundsman dead-letters`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Have a delivery judged again, by the routes of today.

    Whoever has been told is not told twice. A running `roundsman serve` does it.
    """

    async def do(subject_id: UUID) -> None:
        async with _open() as (store, jobs):
            await again.replay(store, jobs, subject_id, who=_who(), at=now_utc())

    subject_id = history.to_id(delivery_id)
    asyncio.run(do(subject_id))
    _confirm({"delivery": str(subject_id), "replay": "enqueued"}, as_json)


def resend(
    notification_id: Annotated[
        str, typer.Argument(metavar="NOTIFICATION", help="An id, from `roundsman explain` or `dead-letters`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Send a notification again, also one that was sent.

    A running `roundsman serve` does it.
    """

    async def do(subject_id: UUID) -> None:
        async with _open() as (store, jobs):
            await again.resend(store, jobs, subject_id, who=_who(), at=now_utc())

    subject_id = history.to_id(notification_id)
    asyncio.run(do(subject_id))
    _confirm({"notification": str(subject_id), "resend": "enqueued"}, as_json)


def _confirm(shape: dict[str, str], as_json: bool) -> None:
    if as_json:
        print_json(shape)
    else:
        say("enqueued; a running `roundsman serve` takes it up within a second or so")


def _who() -> str:
    return f"command line, {getpass.getuser()}"
