"""Commands by which a person decides: replay, resend, dismiss."""

import getpass
from typing import Annotated

import typer

from service.app import job_engine
from service.cli.opening import with_store
from service.cli.output import AsJson, print_json, say
from service.config import Settings
from service.jobs import LIVES, Jobs
from service.manage import again, ids
from service.manage.ids import Noun
from service.store import Store, holder


def replay(
    delivery_id: Annotated[
        str,
        typer.Argument(metavar="DELIVERY", help="An id, or its first 8 digits: its event's, or from `dead-letters`."),
    ],
    as_json: AsJson = False,
) -> None:
    """Judge a delivery again, by the current routes.

    Whoever has been told is not told twice. A running `roundsman serve` or `worker` does it.
    """

    async def do(settings: Settings, store: Store) -> tuple[str, bool]:
        jobs = job_engine(settings, store)
        _, subject_id = await ids.find(store, delivery_id, Noun.DELIVERY)
        await again.replay(store, jobs, subject_id, who=_who(), at=store.clock())
        return str(subject_id), await _is_attended(store, jobs)

    subject_id, is_attended = with_store(do)
    _confirm({"delivery": subject_id, "replay": "enqueued"}, is_attended=is_attended, as_json=as_json)


def resend(
    notification_id: Annotated[
        str, typer.Argument(metavar="NOTIFICATION", help="An id, or its first 8 digits, from `roundsman explain`.")
    ],
    as_json: AsJson = False,
) -> None:
    """Send a notification again, even one that was sent.

    A running `roundsman serve` or `worker` does it.
    """

    async def do(settings: Settings, store: Store) -> tuple[str, bool]:
        jobs = job_engine(settings, store)
        _, subject_id = await ids.find(store, notification_id, Noun.NOTIFICATION)
        await again.resend(store, jobs, subject_id, who=_who(), at=store.clock())
        return str(subject_id), await _is_attended(store, jobs)

    subject_id, is_attended = with_store(do)
    _confirm({"notification": subject_id, "resend": "enqueued"}, is_attended=is_attended, as_json=as_json)


def dismiss(
    subject: Annotated[
        str, typer.Argument(metavar="ID", help="A dead letter's id, or its first 8 digits, from `dead-letters`.")
    ],
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Close a dead letter that you dealt with yourself.

    A delivery that was not understood, or a notification that could not be sent. It can still be replayed or resent.
    """

    async def do(_: Settings, store: Store) -> dict[str, str]:
        noun, subject_id = await ids.find(store, subject, Noun.DELIVERY, Noun.NOTIFICATION)
        put_away = again.dismiss_delivery if noun is Noun.DELIVERY else again.dismiss_notification
        await put_away(store, subject_id, who=_who(), at=store.clock(), because=because)
        return {noun: str(subject_id), "dismiss": "done"}

    shape = with_store(do)
    print_json(shape) if as_json else say("dismissed, and on record")


def _confirm(shape: dict[str, str], *, is_attended: bool, as_json: bool) -> None:
    if as_json:
        print_json({**shape, "is_attended": is_attended})
    elif is_attended:
        say("enqueued; the running service takes it up within a second or so")
    else:
        say("enqueued, but no service is running: it is done once `roundsman serve` has started", "yellow")


async def _is_attended(store: Store, jobs: Jobs) -> bool:
    """Whether somebody is running who will do what is enqueued."""
    if store.file is not None:
        return holder(store.file.parent) is not None
    last = await jobs.last_look_at()
    return last is not None and store.clock() - last < LIVES


def _who() -> str:
    return f"command line, {getpass.getuser()}"
