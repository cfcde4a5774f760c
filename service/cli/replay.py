"""Commands for an operator's actions: replay, resend, dismiss."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from service.app.job_engines import job_engine
from service.cli._database import with_store
from service.cli._operator import operator
from service.cli._output import AsJson, print_json, say
from service.cli._subjects import (
    Channel,
    Every,
    Ids,
    Limit,
    Receiver,
    Request,
    Selection,
    Since,
    Until,
    Yes,
    confirm,
    select_subjects,
)
from service.config.settings import Settings
from service.db.data_folder import read_lock_holder
from service.db.database import Store
from service.errors import RoundsmanError
from service.operations import operator_actions
from service.operations.bulk_actions import ActionOutcome, Subject, act_on_each
from service.operations.ids import Noun
from service.queue.base import WORKER_ALIVE_WITHIN, JobQueue

Act = Callable[[Store, JobQueue, Subject], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class BulkCommand:
    """A command that acts on several subjects.

    nouns   the kinds of subjects it takes
    dead    its dead letters, as a phrase for the question
    done    its outcome, as a word for the output
    act     the action on one subject
    """

    verb: str
    nouns: Sequence[Noun]
    dead: str
    done: str
    act: Act


def replay(  # noqa: PLR0913, PLR0917 - one option for each filter
    delivery_ids: Annotated[
        Ids,
        typer.Argument(metavar="DELIVERY", help="Ids, or their first 8 digits, from `dead-letters`; - reads them."),
    ] = None,
    every: Every = False,
    since: Since = "",
    until: Until = "",
    limit: Limit = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Judge deliveries again, by the current routes.

    A channel that has the message gets no second one. An event's id is its delivery's too. With - ids come from
    standard input, one a line. A running `roundsman serve` or `worker` does it. Exit code 1 when one of them could not
    be taken.
    """
    filters = _filters(None, None, since, until)
    request = Request(ids=delivery_ids or (), every=every, filters=filters, is_confirmed=yes, limit=limit)
    dead = "deliveries that were not understood"
    _do(BulkCommand(verb="replay", nouns=[Noun.DELIVERY], dead=dead, done="enqueued", act=_replay), request, as_json)


def resend(  # noqa: PLR0913, PLR0917 - one option for each filter
    notification_ids: Annotated[
        Ids,
        typer.Argument(metavar="NOTIFICATION", help="Ids, or their first 8 digits, from `explain`; - reads them."),
    ] = None,
    every: Every = False,
    receiver: Receiver = None,
    channel: Channel = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send notifications again, even ones that were sent.

    With - ids come from standard input, one a line; --all and filters take dead letters alone. A running `roundsman
    serve` or `worker` does it. Exit code 1 when one of them could not be taken.
    """
    filters = _filters(receiver, channel, since, until)
    request = Request(ids=notification_ids or (), every=every, filters=filters, is_confirmed=yes, limit=limit)
    dead = "notifications that could not be sent"
    _do(
        BulkCommand(verb="resend", nouns=[Noun.NOTIFICATION], dead=dead, done="enqueued", act=_resend), request, as_json
    )


def dismiss(  # noqa: PLR0913, PLR0917 - one option for each filter
    subjects: Annotated[
        Ids, typer.Argument(metavar="ID", help="Ids, or their first 8 digits, from `dead-letters`; - reads them.")
    ] = None,
    every: Every = False,
    receiver: Receiver = None,
    channel: Channel = None,
    since: Since = "",
    until: Until = "",
    limit: Limit = None,
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Close dead letters that you dealt with yourself.

    Deliveries that were not understood, or notifications that could not be sent; each can still be replayed or resent.
    With - ids come from standard input, one a line. Exit code 1 when one of them could not be closed.
    """
    operator_actions.to_reason(because)  # raises BadRequest before the first is closed

    async def put_away(store: Store, _: JobQueue, subject: Subject) -> None:
        close = (
            operator_actions.dismiss_delivery
            if subject.noun is Noun.DELIVERY
            else operator_actions.dismiss_notification
        )
        await close(store, subject.id, who=operator(), at=store.clock(), because=because)

    filters = _filters(receiver, channel, since, until)
    request = Request(ids=subjects or (), every=every, filters=filters, is_confirmed=yes, limit=limit)
    nouns = [Noun.DELIVERY, Noun.NOTIFICATION]
    _do(BulkCommand(verb="dismiss", nouns=nouns, dead="dead letters", done="done", act=put_away), request, as_json)


def _filters(receiver: Ids, channel: Ids, since: str, until: str) -> Mapping[str, str | Sequence[str]]:
    return {"receiver": receiver or (), "channel": channel or (), "since": since, "until": until}


async def _replay(store: Store, jobs: JobQueue, subject: Subject) -> None:
    await operator_actions.replay(store, subject.id, who=operator(), at=store.clock())


async def _resend(store: Store, jobs: JobQueue, subject: Subject) -> None:
    await operator_actions.resend(store, jobs, subject.id, who=operator(), at=store.clock())


def _do(command: BulkCommand, request: Request, as_json: bool) -> None:
    choice = with_store(lambda _, store: select_subjects(store, request, *command.nouns))
    if choice.subjects and not request.ids:
        number = f"the newest {len(choice.subjects)}" if choice.has_more else f"{len(choice.subjects)}"
        confirm(f"{command.verb.capitalize()} {number} {command.dead}?", is_confirmed=request.is_confirmed)

    async def run(settings: Settings, store: Store) -> tuple[list[ActionOutcome], bool]:
        jobs = job_engine(settings, store)
        outcomes = [*choice.unknown]
        async for outcome in act_on_each(choice.subjects, lambda subject: command.act(store, jobs, subject)):
            outcomes.append(outcome)
            if not as_json and not request.is_single:
                _print_outcome(command, outcome)
        return outcomes, await _is_attended(store, jobs)

    if not as_json and not request.is_single:
        for outcome in choice.unknown:
            _print_outcome(command, outcome)
    outcomes, is_attended = with_store(run)
    if request.is_single:
        _finish_one(command, outcomes[0], is_attended=is_attended, as_json=as_json)
    else:
        _finish_many(command, choice, outcomes, is_attended=is_attended, as_json=as_json)


def _print_outcome(command: BulkCommand, outcome: ActionOutcome) -> None:
    name = f"{outcome.noun} {outcome.id}" if outcome.noun else outcome.id
    say(f"{name}: {command.done}" if outcome.reason is None else f"{name}: not done: {outcome.reason}")


def _finish_one(command: BulkCommand, outcome: ActionOutcome, *, is_attended: bool, as_json: bool) -> None:
    if outcome.reason is not None:
        raise RoundsmanError(outcome.reason)
    if as_json:
        print_json(_outcome_json(command, outcome, is_attended=is_attended))
    else:
        say(*_end(command, is_attended=is_attended))


def _finish_many(
    command: BulkCommand, choice: Selection, outcomes: Sequence[ActionOutcome], *, is_attended: bool, as_json: bool
) -> None:
    done = sum(outcome.reason is None for outcome in outcomes)
    if as_json:
        items = [_outcome_json(command, outcome, is_attended=is_attended) for outcome in outcomes]
        print_json({"items": items, "has_more": choice.has_more})
    elif outcomes:
        say(
            f"{done} of {len(outcomes)}: {_end(command, is_attended=is_attended)[0]}"
            if done
            else f"0 of {len(outcomes)}"
        )
        if choice.has_more:
            say("there are more: run it again", "yellow")
    else:
        say("nothing waits for a person")
    if done < len(outcomes) or choice.has_more:
        raise typer.Exit(1)


def _outcome_json(command: BulkCommand, outcome: ActionOutcome, *, is_attended: bool) -> Mapping[str, Any]:
    if outcome.reason is not None:
        return {"id": outcome.id, "error": outcome.reason}
    shape = {str(outcome.noun): outcome.id, command.verb: command.done}
    return shape if command.verb == "dismiss" else {**shape, "is_attended": is_attended}


def _end(command: BulkCommand, *, is_attended: bool) -> tuple[str, str]:
    if command.verb == "dismiss":
        return "dismissed, and on record", ""
    if is_attended:
        return "enqueued; the running service takes it up within a second or so", ""
    return "enqueued, but no service is running: it is done once `roundsman serve` has started", "yellow"


async def _is_attended(store: Store, jobs: JobQueue) -> bool:
    """Return True if a process is running that works on the queue."""
    if store.file is not None:
        return read_lock_holder(store.file.parent) is not None
    last = await jobs.last_heartbeat()
    return last is not None and store.clock() - last < WORKER_ALIVE_WITHIN
