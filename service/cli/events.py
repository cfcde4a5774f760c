"""Commands that look up events: events, explain."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from inspect import Parameter, Signature, signature
from itertools import chain
from typing import Annotated, Any
from uuid import UUID

import typer

from service.cli import _event_text
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._known_names import complete_branch, complete_project
from service.cli._output import (
    DIGITS,
    MIN_WIDTH,
    MINUTES,
    STATUS,
    AsJson,
    print_json,
    print_table,
    say,
    status_style,
    warn,
)
from service.cli._values import Complete, complete_event, complete_status, complete_told, complete_transition
from service.config.settings import Settings
from service.config.warnings import status_warning
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadRequest
from service.model import Event, Notification
from service.operations import ids, queries
from service.operations.ids import Noun
from service.operations.json_shapes import Json
from service.operations.unknown_projects import unknown_projects
from service.routing.match_key import SearchFilter
from service.routing.match_keys import SEARCH_FILTERS
from service.routing.news import news_key
from service.store.events.filters import Search
from service.store.incidents import incident_search
from service.store.notifications import notifications
from service.store.runs import runs
from service.terminal import Column
from service.text import capitalize_first

SAME_NEWS = "same news"
EXPLAINED = (
    "id",
    "status",
    "happened_at",
    "project",
    "branch",
    "tag",
    "workflow",
    "pipeline",
    "revision",
    "decisions",
    "notifications",
    "evidence",
    "actions",
)
EVENT_COLUMNS = (
    Column(heading="when (UTC)", short=MINUTES),
    Column(heading="id", short=DIGITS),
    Column(heading="status", cut_to=STATUS, style=status_style),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="branch/tag", cut_to=MIN_WIDTH),
    Column(heading="workflow/job", cut_to=MIN_WIDTH),
    Column(heading="told", cut_to=10, style=_event_text.told_style),
    Column(heading="commit", cut_to=MIN_WIDTH, is_extra=True),
)

events = Group("Look up what was built.")


EventId = Annotated[
    str, typer.Argument(metavar="EVENT", help="Its id, or that of a notification or an incident of it; 8 digits do.")
]


def text_filter(sentence: str, complete: Complete | None = None) -> Any:
    """Return the option of a filter, with what completes its values in a shell."""
    return typer.Option(metavar="TEXT", help=sentence, autocompletion=complete)


Values = list[str] | None
COMPLETIONS: Mapping[str, Complete] = {
    "status": complete_status,
    "project": complete_project,
    "branch": complete_branch,
}


def with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each filter, in place of its ``**names``."""
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[Values, _option_of(name, one)])
        for name, one in SEARCH_FILTERS.items()
    ]
    own = [one for one in signature(command).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    command.__signature__ = Signature([*options, *own])  # type: ignore[attr-defined]  # reason: of functions, not typed
    return command


def _option_of(name: str, one: SearchFilter) -> Any:
    return text_filter(f"{capitalize_first(one.sentence)}.", COMPLETIONS.get(name))


@events.command("list")
@with_filters
def list_events(  # noqa: PLR0913 - one option for each filter that is no match key
    *,
    by: Annotated[Values, text_filter("Who started it or wrote the commit: the whole name or a part of it.")] = None,
    transition: Annotated[
        Values, text_filter("broke, still_broken, fixed, passed or none.", complete_transition)
    ] = None,
    event: Annotated[
        Values,
        text_filter("workflow-completed, job-completed, workflow-held, settings-changed, ping or any.", complete_event),
    ] = None,
    told: Annotated[Values, text_filter("none: no route had anyone told; any: one had.", complete_told)] = None,
    since: Annotated[
        str, text_filter("That happened from this time on: 2026-11-22, 2026-11-22T09:30Z, 7d, yesterday.")
    ] = "",
    until: Annotated[str, text_filter("That happened before this time.")] = "",
    q: Annotated[
        str,
        typer.Option(
            "--q", metavar="WORDS", help="Whole words of names, subject or revision; filters too, as status:failed."
        ),
    ] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=queries.MAX_PAGE_SIZE, metavar="NUMBER", help=f"At most {queries.MAX_PAGE_SIZE}.")
    ] = 20,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
    **names: Values,
) -> None:
    """List events, newest first.

    These are workflows, unless a job is named or --event asks for others. Names go in any case, with globs, lists and !
    as in roundsman.yaml. A filter that is given several times keeps what fits any of its values.
    """
    given = {name: values or () for name, values in names.items()}
    own = {"by": by or (), "transition": transition or (), "event": event or (), "told": told or ()}
    asked = {**given, **own, "since": since, "until": until, "q": q}
    search = queries.to_search(asked, datetime.now(UTC), for_people=True)

    async def read(_: Settings, store: Store) -> tuple[Json, Sequence[str | None], Sequence[str]]:
        page, who = await store.snapshot(_find, search, limit, cursor or None)
        return page, who, () if page["items"] else await store.snapshot(unknown_projects, given["project"])

    page, who, unknown = with_store(read)
    if not as_json:
        warn(f"this answer may lack events: {sentence}" for sentence in page["partial"])
    print_json(page) if as_json else _print_page(page, who, *_doubts(given["status"], since), *unknown)


def _doubts(statuses: Sequence[str], since: str) -> Iterator[str]:
    """Yield reasons why there might be no events where some were expected."""
    if doubt := _status_warning(statuses):
        yield doubt
    if since:
        yield "--since goes by when they happened at CircleCI, not by when they were received"


def _status_warning(statuses: Sequence[str]) -> str | None:
    """Return a warning about a status that CircleCI does not have, or None.

    statuses   as typed: in any case, with `!`, several separated by commas
    """
    each = [one.strip().removeprefix("!").lower() for status in statuses for one in status.split(",")]
    return next(filter(None, map(status_warning, each)), None)


def _find(
    transaction: Transaction, search: Search, limit: int, cursor: str | None
) -> tuple[Json, Sequence[str | None]]:
    """Return a page of events, and the receivers of each event's notifications."""
    found = queries.find_events(transaction, search, limit=limit, cursor=cursor)
    told = queries.notifications_by_news(transaction, {news_key(event) for event in found.items})
    return queries.to_list(transaction, search, found), list(_told(found.items, told))[::-1]


def _told(items: Sequence[Event], told: Mapping[str, Sequence[Notification]]) -> Iterator[str | None]:
    """Yield each event's receivers, oldest event first; repeated news only once.

    Cancelling a workflow posts one event for each of its jobs, and the events look the same.
    """
    earlier = set()
    for event in reversed(items):
        yield SAME_NEWS if news_key(event) in earlier else _event_text.receiver_names(told[news_key(event)])
        earlier.add(news_key(event))


def _print_page(page: Any, told: Sequence[str | None], *doubts: str) -> None:
    if page["items"]:
        print_table(EVENT_COLUMNS, [_row(*one) for one in zip(page["items"], told, strict=True)])
    elif not page["next"]:
        say("; ".join(["no events", *doubts]))
    if page["looked_back_to"]:
        say(f"looked back to {page['looked_back_to']}; there may be more before that")
    if page["next"]:
        say(f"older ones: --cursor {page['next']}")


def _row(event: Any, told: str | None) -> tuple[str | None, ...]:
    return (
        _event_text.format_time(event["happened_at"]).removesuffix(" UTC"),
        event["id"],
        event["status"] or event["kind"],
        event["project"]["full_name"],
        event["tag"] or event["branch"],
        " / ".join(filter(None, [event["workflow"]["name"], (event["job"] or {}).get("name")])) or None,
        told,
        event["commit"]["subject"],
    )


@events.command("show")
def show_event(event_id: EventId, as_json: AsJson = False) -> None:
    """Show everything on record about an event."""
    shape = _look_up(event_id)
    if as_json:
        print_json(shape)
        return
    _print([_event_text.headline(shape)], _event_text.event_lines(shape), _event_text.detail_lines(shape["details"]))
    _print(
        _event_text.decision_lines(shape["decisions"]),
        _event_text.notification_lines(shape["notifications"], words=True),
    )
    _print(_event_text.operator_action_lines(shape["actions"], shape["notifications"]))


def explain(event_id: EventId, as_json: AsJson = False) -> None:
    """Explain why people were told of an event, or were not.

    Shows each route's reason, each attempt to send a message, and of a red run the runs on which claims rest: likely
    flaky, new, failing since, who changed it, red elsewhere, usual duration.
    """
    shape = _look_up(event_id)
    if as_json:
        print_json({name: shape[name] for name in EXPLAINED})
        return
    _print(
        [_event_text.headline(shape)],
        _event_text.run_lines(shape),
        _event_text.decision_lines(shape["decisions"]),
        _event_text.notification_lines(shape["notifications"]),
    )
    _print(_event_text.evidence_lines(shape["evidence"]))
    _print(_event_text.operator_action_lines(shape["actions"], shape["notifications"]))


def _look_up(event_id: str) -> Any:
    async def look(_: Settings, store: Store) -> Any:
        noun, found = await ids.find(store, event_id, Noun.EVENT, Noun.NOTIFICATION, Noun.INCIDENT)
        if noun is Noun.NOTIFICATION:
            found = _event_of(await store.read(notifications.find, found))
        if noun is Noun.INCIDENT:
            red = (await store.read(incident_search.find, found)).last_red
            found = (await store.read(runs.find_all, [red]))[red].event_id
        return await store.snapshot(queries.show_event, found)

    return with_store(look)


def _event_of(notification: Notification) -> UUID:
    if notification.event_id is None:
        raise BadRequest(
            f"notification {notification.id} is about no event but Roundsman's own: `roundsman notifications list`"
        )
    return notification.event_id


def _print(*parts: Iterable[_event_text.Line]) -> None:
    for sentence, style in chain(*parts):
        say(sentence, style)
