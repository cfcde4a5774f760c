"""The subjects of an action: ids from arguments or standard input, or a filter's."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import typer

from service.db.database import Store
from service.errors import BadRequest
from service.operations.bulk_actions import MAX_SUBJECTS, ActionOutcome, Subject, find_by_ids, find_dead
from service.operations.ids import Noun
from service.operations.notifications import to_search

STANDARD_INPUT = "-"
MAX_LINE_BYTES = 200

Ids = list[str] | None
Values = list[str] | None
Every = Annotated[bool, typer.Option("--all", help="Take every dead letter of this kind instead of ids.")]
Receiver = Annotated[Values, typer.Option(metavar="NAME", help="Take the dead letters for this receiver.")]
Channel = Annotated[Values, typer.Option(metavar="LABEL", help="Take those for this channel: 'web-team (slack)'.")]
Since = Annotated[str, typer.Option(metavar="TIME", help="Take those from this time on: 2026-11-22, 7d, 1h30m.")]
Until = Annotated[str, typer.Option(metavar="TIME", help="Take those before this time.")]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1, max=MAX_SUBJECTS, metavar="NUMBER", help=f"Take at most this many of them; else {MAX_SUBJECTS}."
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first; needed with --all or a filter in a script.")]


@dataclass(frozen=True, kw_only=True)
class Request:
    """The subjects that an operator asked for.

    ids            as typed
    every          all dead letters
    filters        only the dead letters that match
    limit          the most of these to take at once
    is_confirmed   ask no question first
    """

    ids: Sequence[str]
    every: bool
    filters: Mapping[str, str | Sequence[str]]
    is_confirmed: bool
    limit: int | None = None

    @property
    def is_single(self) -> bool:
        """Return True if exactly one id was given as an argument."""
        return len(self.ids) == 1 and self.ids[0] != STANDARD_INPUT


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The subjects that a request selects.

    unknown    a failed outcome for each id without a subject
    has_more   True if more dead letters match than one command takes
    """

    subjects: Sequence[Subject]
    unknown: Sequence[ActionOutcome] = ()
    has_more: bool = False


async def select_subjects(store: Store, request: Request, *nouns: Noun) -> Selection:
    """Return the request's subjects.

    Raises BadRequest unless it names either ids or a filter.
    """
    given = {name: value for name, value in request.filters.items() if value}
    if bool(request.ids) == bool(request.every or given):
        raise BadRequest("name ids, or - to read them from standard input, or a filter or --all; one of these")
    if request.ids:
        if request.limit is not None:
            raise BadRequest("--limit goes with a filter or --all, and ids are named: give one of the two")
        subjects, unknown = await find_by_ids(store, read_names(request.ids), *nouns)
        return Selection(subjects=subjects, unknown=unknown)
    wanted, limit = to_search(given, datetime.now(UTC)), request.limit or MAX_SUBJECTS
    dead, has_more = await find_dead(store, wanted, *nouns, limit=limit)
    return Selection(subjects=dead, has_more=has_more)


def read_names(words: Sequence[str]) -> list[str]:
    """Return the ids as typed, each once. Raises BadRequest for none or too many.

    `-` stands for the ids on standard input.
    """
    parts = (_lines() if word == STANDARD_INPUT else [word] for word in dict.fromkeys(words))
    names = dict.fromkeys(chain.from_iterable(parts))
    if not names:
        raise BadRequest("there are no ids on standard input; write one a line")
    if len(names) > MAX_SUBJECTS:
        raise _too_many()
    return list(names)


def _lines() -> Iterator[str]:
    for number, line in enumerate(_raw_lines(), start=1):
        if number > MAX_SUBJECTS:
            raise _too_many()
        if len(line) > MAX_LINE_BYTES:
            raise BadRequest(
                f"line {number} of standard input has more than {MAX_LINE_BYTES} characters; write one id a line"
            )
        if word := line.decode("utf-8", "backslashreplace").strip():
            yield word


def _raw_lines() -> Iterator[bytes]:
    try:
        while line := sys.stdin.buffer.readline(MAX_LINE_BYTES + 1):
            yield line
    except OSError as error:
        raise BadRequest(f"standard input cannot be read: {error.strerror}") from error


def _too_many() -> BadRequest:
    return BadRequest(f"more than {MAX_SUBJECTS} ids are named; nothing was done: act in parts")


def confirm(question: str, *, is_confirmed: bool, option: str = "--yes") -> None:
    """Ask on the terminal before an action.

    Raises BadRequest without a terminal, with the option that answers.
    """
    if is_confirmed:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadRequest(f"{question} There is no terminal to ask on, and nothing was done: add {option}")
    typer.confirm(question, abort=True, err=True)
