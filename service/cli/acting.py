"""Commands by which a person decides: replay, resend, dismiss."""

import getpass
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from service.app import job_engine
from service.cli._subjects import MAX_SUBJECTS, Done, Every, Sure, act_on_each, require_consent, tell, to_texts
from service.cli.opening import with_store
from service.cli.output import AsJson
from service.config import Settings
from service.jobs import LIVES, Jobs
from service.manage import again, ids
from service.manage.ids import Noun
from service.store import Store, deliveries, holder, notifications

Words = list[str] | None


@dataclass(frozen=True, kw_only=True)
class Acting:
    """What an act needs: the store, its job engine, and the word of a subject."""

    store: Store
    jobs: Jobs
    text: str


def replay(
    delivery_ids: Annotated[
        Words,
        typer.Argument(metavar="DELIVERY", help="Ids or their first 8 digits, an event's too; - reads standard input."),
    ] = None,
    every: Every = False,
    is_sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    """Judge deliveries again, by the current routes.

    Whoever has been told is not told twice. A running `roundsman serve` or `worker` does it. Exit code 1 when one of
    several could not be replayed.
    """

    async def act(acting: Acting) -> Done:
        _, subject_id = await ids.find(acting.store, acting.text, Noun.DELIVERY)
        await again.replay(acting.store, acting.jobs, subject_id, who=_who(), at=acting.store.clock())
        return {"delivery": str(subject_id), "replay": "enqueued"}

    done, is_attended = _act("replay", to_texts(delivery_ids, every=every), act, Noun.DELIVERY, is_sure=is_sure)
    _confirm(done, is_attended=is_attended, as_json=as_json)


def resend(
    notification_ids: Annotated[
        Words,
        typer.Argument(
            metavar="NOTIFICATION",
            help="Ids or their first 8 digits, from `roundsman explain`; - reads standard input.",
        ),
    ] = None,
    every: Every = False,
    is_sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    """Send notifications again, even those that were sent.

    A running `roundsman serve` or `worker` does it. Exit code 1 when one of several could not be resent.
    """

    async def act(acting: Acting) -> Done:
        _, subject_id = await ids.find(acting.store, acting.text, Noun.NOTIFICATION)
        await again.resend(acting.store, acting.jobs, subject_id, who=_who(), at=acting.store.clock())
        return {"notification": str(subject_id), "resend": "enqueued"}

    texts = to_texts(notification_ids, every=every)
    done, is_attended = _act("resend", texts, act, Noun.NOTIFICATION, is_sure=is_sure)
    _confirm(done, is_attended=is_attended, as_json=as_json)


def dismiss(  # noqa: PLR0917 reason: one option for each thing that may be said
    subjects: Annotated[
        Words,
        typer.Argument(
            metavar="ID",
            help="Ids of dead letters or their first 8 digits, from `dead-letters`; - reads standard input.",
        ),
    ] = None,
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    every: Every = False,
    is_sure: Sure = False,
    as_json: AsJson = False,
) -> None:
    """Close dead letters that you dealt with yourself.

    Deliveries that were not understood, notifications that could not be sent. Each can still be replayed or resent.
    Exit code 1 when one of several could not be dismissed.
    """

    async def act(acting: Acting) -> Done:
        noun, subject_id = await ids.find(acting.store, acting.text, Noun.DELIVERY, Noun.NOTIFICATION)
        put_away = again.dismiss_delivery if noun is Noun.DELIVERY else again.dismiss_notification
        await put_away(acting.store, subject_id, who=_who(), at=acting.store.clock(), because=because)
        return {noun: str(subject_id), "dismiss": "done"}

    texts = to_texts(subjects, every=every)
    done, _ = _act("dismiss", texts, act, Noun.DELIVERY, Noun.NOTIFICATION, is_sure=is_sure)
    tell(done, as_json=as_json, sentence="dismissed, and on record")


def _act(
    verb: str, texts: Words, act: Callable[[Acting], Awaitable[Done]], *nouns: Noun, is_sure: bool
) -> tuple[list[Done], bool]:
    """Act on the subjects of these words, or on all dead letters; say too whether a service is running."""

    async def do(settings: Settings, store: Store) -> tuple[list[Done], bool]:
        jobs, wanted = job_engine(settings, store), texts
        if wanted is None:
            wanted = await _dead(store, *nouns)
            require_consent(verb, len(wanted), is_sure=is_sure)
        done = await act_on_each(wanted, lambda text: act(Acting(store=store, jobs=jobs, text=text)))
        return done, await _is_attended(store, jobs)

    return with_store(do)


async def _dead(store: Store, *nouns: Noun) -> list[str]:
    """Return the ids of the dead letters of these kinds, newest first."""
    found: list[str] = []
    if Noun.DELIVERY in nouns:
        found += [str(one.id) for one, _ in await store.read(deliveries.dead, limit=MAX_SUBJECTS)]
    if Noun.NOTIFICATION in nouns:
        found += [str(one.id) for one in await store.read(notifications.dead, limit=MAX_SUBJECTS)]
    return found


def _confirm(done: list[Done], *, is_attended: bool, as_json: bool) -> None:
    shapes = [one if "error" in one else {**one, "is_attended": is_attended} for one in done]
    if is_attended:
        tell(shapes, as_json=as_json, sentence="enqueued; the running service takes it up within a second or so")
    else:
        sentence = "enqueued, but no service is running: it is done once `roundsman serve` has started"
        tell(shapes, as_json=as_json, sentence=sentence, style="yellow")


async def _is_attended(store: Store, jobs: Jobs) -> bool:
    """Whether somebody is running who will do what is enqueued."""
    if store.file is not None:
        return holder(store.file.parent) is not None
    last = await jobs.last_look_at()
    return last is not None and store.clock() - last < LIVES


def _who() -> str:
    """Return who acts, for the record; a container may run as a user that has no name."""
    try:
        return f"command line, {getpass.getuser()}"
    except (KeyError, OSError):
        return f"command line, user {os.getuid()}"
