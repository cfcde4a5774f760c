"""Commands for logins to the pages: login-link, sessions."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import typer

from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._login import find_token
from service.cli._operator import operator, user_name
from service.cli._output import AsJson, print_address, print_json, print_table, say
from service.clock import now_utc
from service.config.env import load_settings
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig, BadRequest
from service.model import Session
from service.operations import end_sessions as acts
from service.operations import ids
from service.operations.ids import Noun
from service.operations.json_shapes import rfc3339, session_json
from service.store.people import sessions as rows
from service.terminal import Column
from service.web.auth.session import LINK_LIFETIME
from service.web.auth.session import login_link as new_link

sessions = Group("See the sessions of the pages, and end them.")


def login_link(as_json: AsJson = False) -> None:
    """Print a link that logs one browser in at the pages.

    Good for one login within 15 minutes. It is made with ROUNDSMAN_ADMIN_TOKEN or, where that is not set, with the
    token that `roundsman serve` keeps in its data folder.
    """
    settings = load_settings(os.environ, serving=False)
    if not settings.port and settings.public_url is None:
        raise BadConfig("ROUNDSMAN_PORT is 0, which is any free port: set ROUNDSMAN_PUBLIC_URL to where the pages are")
    token = find_token(settings)
    # on Postgres the link is judged by its clock, which may be another than this machine's
    now = with_store(_clock) if settings.is_shared else now_utc()
    link = new_link(token, settings.address, now, user_name())
    print_json({"link": link, "expires_at": rfc3339(now + LINK_LIFETIME)}) if as_json else print_address(link)


@sessions.command("list")
def list_sessions(as_json: AsJson = False) -> None:
    """List the sessions of the pages that are open, newest first.

    One that was begun under an admin token that has been replaced since is void, and listed until it expires.
    """
    items = [session_json(one) for one in with_store(_open_sessions)]
    if as_json:
        print_json({"items": items})
    elif items:
        columns = [Column(heading=heading) for heading in ("id", "begun", "until", "from", "user")]
        print_table(
            columns,
            [
                (
                    one["id"][:8],
                    format_time(one["begun_at"]),
                    format_time(one["expires_at"]),
                    one["address"],
                    one["user"],
                )
                for one in items
            ],
        )
    else:
        say("no sessions")


@sessions.command("end")
def end_sessions(
    session_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="SESSION", help="Ids, or their first 8 digits, from `roundsman sessions list`."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="End every session instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """End sessions: their browsers have to log in again.

    To keep out one who knows the admin token, replace the token: that ends every session too.
    """
    if bool(session_ids) == every:
        raise BadRequest("say which sessions to end, by their ids, or --all; one or the other")

    async def do(_: Settings, store: Store) -> int:
        found = None if every else [(await ids.find(store, one, Noun.SESSION))[1] for one in session_ids or ()]
        return await store.write(acts.end_sessions, found, who=operator(), now=store.clock())

    count = with_store(do)
    print_json({"ended": count}) if as_json else say(f"{count} session{'' if count == 1 else 's'} ended")


async def _clock(_: Settings, store: Store) -> datetime:
    return store.clock()


async def _open_sessions(_: Settings, store: Store) -> Sequence[Session]:
    return await store.read(rows.open_sessions, store.clock())
