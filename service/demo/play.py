"""The player of acts: move the clock, narrate, post, do deeds, pause, count."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import httpx
from rich.console import Console
from rich.text import Text

from service.terminal import print_line
from service.testing.fake_circleci.faults import Fault
from service.testing.fake_circleci.organization import Run
from service.testing.fake_circleci.sender import Answer, Post
from service.testing.fake_circleci.server import FakeCircleCI


@dataclass(frozen=True, kw_only=True)
class Act:
    """One thing that happens in the day.

    at        the time of day in the story
    line      the narrator's sentence
    runs      the runs that CircleCI knows from now on
    posts     the webhooks of this act, in their order
    faults    the next faults of CircleCI's API: path below ``/api/v2`` as a glob, and fault
    deed      what a person does in it, over Roundsman's API
    lasts_s   seconds until the next act, at pace 1
    """

    at: datetime
    line: str
    runs: tuple[Run, ...] = ()
    posts: tuple[Post, ...] = ()
    faults: tuple[tuple[str, Fault], ...] = ()
    deed: Callable[[httpx.AsyncClient], Awaitable[None]] | None = None
    lasts_s: float = 0.8


async def do_nothing() -> None:
    """Wait for nothing: there is no service that could be busy."""


def ignore_time(_: datetime) -> None:
    """Move no clock."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """The world that acts are played in.

    send      posts a webhook
    narrate   tells an act
    api       Roundsman's API, for the deeds of people
    move_to   moves the clock of the story
    settle    waits until Roundsman has judged and told what there is
    """

    pretend: FakeCircleCI
    send: Callable[[Post], Awaitable[Answer]]
    narrate: Callable[[Act], None]
    api: httpx.AsyncClient | None = None
    move_to: Callable[[datetime], None] = ignore_time
    settle: Callable[[], Awaitable[None]] = do_nothing


@dataclass(frozen=True, kw_only=True)
class AnswerCounts:
    """The number of posts by outcome; ``posted`` is the sum of the others."""

    posted: int = 0
    kept: int = 0
    duplicates: int = 0
    rejected: int = 0
    unanswered: int = 0

    @classmethod
    def of(cls, answers: Iterable[Answer]) -> "AnswerCounts":
        """Count the answers: a 202 is kept or a duplicate, a 4xx rejected.

        Any other answer counts as unanswered.
        """
        outcomes = [_outcome(answer) for answer in answers]
        return cls(
            posted=len(outcomes),
            kept=outcomes.count("kept"),
            duplicates=outcomes.count("duplicate"),
            rejected=outcomes.count("rejected"),
            unanswered=outcomes.count("unanswered"),
        )


def _outcome(answer: Answer) -> str:
    match answer.status:
        case 202:
            return "duplicate" if answer.is_duplicate else "kept"
        case int(status) if 400 <= status < 500:
            return "rejected"
        case _:
            return "unanswered"


async def play(acts: Iterable[Act], scene: Scene, *, pace: float = 1.0) -> AnswerCounts:
    """Play the acts in order; at pace 0 without pauses.

    An act ends when Roundsman has nothing left to do: the clock moves on after that, and no message is late by it.
    """
    answers: list[Answer] = []
    for act in acts:
        scene.move_to(act.at)
        scene.narrate(act)
        for run in act.runs:
            scene.pretend.run_finished(run)
        for path, fault in act.faults:
            scene.pretend.faults.next(path, fault)
        answers += [await scene.send(post) for post in act.posts]
        if act.deed and scene.api:
            await act.deed(scene.api)
        await asyncio.sleep(act.lasts_s * pace)
        await scene.settle()
    return AnswerCounts.of(answers)


def narrator(console: Console) -> Callable[[Act], None]:
    """Return a function that prints an act's line with its time of day."""

    def narrate(act: Act) -> None:
        print_line(console, Text.assemble((f"{act.at:%H:%M}  ", "bold cyan"), act.line))

    return narrate
