"""Commands that look up notifications, sent and not yet sent."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from service.cli import _event_text
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._output import DIGITS, MIN_WIDTH, MINUTES, STATUS, AsJson, print_json, print_table, say, status_style
from service.cli._values import complete_receiver, complete_state
from service.cli.events import Values, text_filter
from service.config.settings import Settings
from service.db.database import Store
from service.operations.json_shapes import Json
from service.operations.notification_status import WAIT_WORDS, is_put_off
from service.operations.notifications import SEARCHABLE, list_notifications, to_search
from service.operations.queries import MAX_PAGE_SIZE
from service.operations.receiver_hints import find_hints
from service.terminal import Column
from service.text import humanize

WAITING = "waits: "
CHANNEL, BUILD = 10, 18  # columns at least: the reason goes first on a narrow terminal


def _state_style(state: str) -> str:
    """Return the style of a state; what waits has that of what is pending."""
    return status_style("pending" if state.startswith(WAITING) else state)


COLUMNS = (
    Column(heading="when (UTC)", short=MINUTES),
    Column(heading="id", short=DIGITS),
    Column(heading="state", cut_to=len(f"{WAITING}silence"), style=_state_style),
    Column(heading="verdict", cut_to=STATUS),
    Column(heading="channel", cut_to=CHANNEL, keeps_end=True),
    Column(heading="build", cut_to=BUILD),
    Column(heading="reason", cut_to=MIN_WIDTH, is_extra=True),
)

notifications = Group("Look up what people were told.")


@notifications.callback()
def _group() -> None:
    pass


@notifications.command("list")
def list_(  # noqa: PLR0913, PLR0917 - one option for each filter of the API
    receiver: Annotated[Values, text_filter("Its name in roundsman.yaml.", complete_receiver)] = None,
    channel: Annotated[Values, text_filter("Its label, such as 'web-team (slack)'.")] = None,
    project: Annotated[Values, text_filter("Its slug or name.")] = None,
    state: Annotated[
        Values, text_filter("pending (also put off), sending, sent, dead or dismissed.", complete_state)
    ] = None,
    since: Annotated[str, text_filter("Decided from this time on: 2026-11-22, 7d, 1h30m, yesterday.")] = "",
    until: Annotated[str, text_filter("Decided before this time.")] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=MAX_PAGE_SIZE, metavar="NUMBER", help=f"At most {MAX_PAGE_SIZE}.")
    ] = 20,
    cursor: Annotated[str, typer.Option(metavar="NEXT", help="What the page before said, for older ones.")] = "",
    as_json: AsJson = False,
) -> None:
    """List notifications, newest first.

    A filter that is given several times keeps what fits any of its values.
    """
    given = {**locals()}  # the options bear the filters' names
    search = to_search({name: given[name] or () for name in SEARCHABLE}, datetime.now(UTC))

    async def read(_: Settings, store: Store) -> tuple[Json, Sequence[str]]:
        page = await store.snapshot(list_notifications, search, limit=limit, cursor=cursor or None)
        receivers = complete_receiver("") if not page["items"] else ()
        return page, () if page["items"] else await store.snapshot(find_hints, search, receivers=receivers)

    page, hints = with_store(read)
    print_json(page) if as_json else _print_page(page, hints)


def _print_page(page: Any, hints: Sequence[str]) -> None:
    if page["items"]:
        print_table(COLUMNS, [_row(one) for one in page["items"]])
    else:
        say("; ".join(["no notifications", *hints]))
    if page["next"]:
        say(f"older ones: --cursor {page['next']}")


def _row(one: Any) -> tuple[str | None, ...]:
    return (
        _event_text.format_time(one["created_at"]).removesuffix(" UTC"),
        one["id"],
        _state(one),
        humanize(one["verdict"]) if one["verdict"] else None,
        one["channel_label"],
        _event_text.headline(one["event"])[0] if one["event"] else one["title"],
        _reason(one),
    )


def _state(one: Any) -> str:
    """Return the state; of one that is held back, the cause that it waits for."""
    if is_put_off(one):
        return "put off"
    return f"{WAITING}{WAIT_WORDS[one['waits_for']]}" if one["waits_for"] in WAIT_WORDS else str(one["state"])


def _reason(one: Any) -> str | None:
    """Return the reason without the label before it, which has a column of its own.

    Without a reason, it is the time until which the notification waits.
    """
    reason: str | None = one["reason"]
    if reason is None and one["waits_for"] in WAIT_WORDS and one["next_attempt_at"]:
        return f"until {_event_text.format_time(one['next_attempt_at'])}"
    return reason and reason.removeprefix(f"{one['channel_label']} ")
