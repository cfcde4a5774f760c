"""The command that tries other routes on stored history: routes backtest."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from service.app.build_context import circleci
from service.app.simulation import open_simulation
from service.cli._database import with_store
from service.cli._output import MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say
from service.config.configuration import Config, load
from service.db.database import Store
from service.errors import BadConfig, BadRequest
from service.metrics import Metrics
from service.operations.json_shapes import Json
from service.operations.simulation.backtest import Span, replay_history
from service.operations.simulation.backtest_report import compare
from service.operations.time_filters import to_time
from service.terminal import Column

ROUTE_COLUMNS = (
    Column(heading="receiver", cut_to=MIN_WIDTH),
    Column(heading="route", cut_to=MIN_WIDTH),
    Column(heading="messages"),
)
A_DAY = Column(heading="a day")
NUMBERS = ("new", "gone", "refused")
MESSAGE_COLUMNS = (
    Column(heading="when (UTC)", short=MINUTES),
    Column(heading="channel", cut_to=MIN_WIDTH),
    Column(heading="news", cut_to=MIN_WIDTH),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="branch", cut_to=MIN_WIDTH),
    Column(heading="workflow", cut_to=MIN_WIDTH),
)


class Against(StrEnum):
    """The messages that those of the tried routes are compared with."""

    SENT = "sent"
    CURRENT = "current"


ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="The roundsman.yaml to try; default: the current one.")
]
Since = Annotated[str, typer.Option(metavar="TIME", help="Begin of the history: 30d, 12h, 2026-11-22.")]
AgainstOption = Annotated[
    Against,
    typer.Option(
        metavar="sent|current",
        help="Compare with what was really sent, or with what the routes of the current file would have sent.",
    ),
]


def backtest(
    config: ConfigFile = None, since: Since = "30d", against: AgainstOption = Against.SENT, as_json: AsJson = False
) -> None:
    """Show what routes would have sent of the stored history.

    The history is played on simulated time by the code that decides on live posts, with the silences that there were,
    reminders, digests, and what people did with incidents; nothing is sent. Each receiver and route is shown with its
    messages, those that are new, and those that are gone; those that a channel refused at the time are counted apart.
    Paces of channels count; pauses that a channel asked for do not, as another day has others: the output names all
    that is left out. Counting begins with the first event on record; less than a day has no figure a day.
    """
    trial = _Trial(tried=load_for_trial(config), current=load_for_trial(None) if against is Against.CURRENT else None)
    found = with_store(lambda _, store: _backtest(store, trial, since, shows_progress=not as_json))
    if as_json:
        print_json({"against": against.value, **found})
    else:
        _print(found, against)


def load_for_trial(file: Path | None) -> Config:
    """Return a configuration from which nothing is sent, if possible with its secrets.

    They tell the services of channels, some of which get no good news. Raises BadConfig.
    """
    if file and not file.exists():
        raise BadConfig(f"--config {file} does not exist; name the roundsman.yaml to try")
    environ = {**os.environ, "ROUNDSMAN_CONFIG": str(file)} if file else os.environ
    try:
        return load(environ, serving=False)
    except BadConfig:
        return load(environ, serving=False, sending=False)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """The configuration to try, and the one to compare it with.

    current   None: it is compared with what was sent
    """

    tried: Config
    current: Config | None

    @property
    def configs(self) -> Sequence[Config]:
        """Return the configurations to play with."""
        return [self.tried, self.current] if self.current else [self.tried]


async def _backtest(store: Store, trial: _Trial, since: str, *, shows_progress: bool) -> Json:
    now = store.clock()
    span = Span(since=to_time(since, now), until=now)
    if span.since >= now:
        raise BadRequest(f"--since {since} is not before now; write 30d or 2026-11-22")
    source = circleci(trial.tried, metrics=Metrics(), clock=store.clock)
    async with AsyncExitStack() as stack:
        progress = stack.enter_context(_progress(is_shown=shows_progress))
        sides = [await stack.enter_async_context(open_simulation(config)) for config in trial.configs]
        played = await replay_history(store, source, sides, span, progress=progress)
        return await compare(sides[0].context.store, sides[1].context.store if trial.current else store, played)


@contextmanager
def _progress(*, is_shown: bool) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal."""
    errors = Console(stderr=True)
    if not is_shown or not errors.is_terminal:
        yield lambda _done, _total: None
        return
    with Progress(console=errors, transient=True) as bar:
        task = bar.add_task("playing the history", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(found: Json, against: Against) -> None:
    say(_headline(found))
    if found["routes"]:
        _print_routes(found)
    other = "was sent" if against is Against.SENT else "the current routes send"
    for name, sentence in (("new", f"new, beside what {other}"), ("gone", f"gone, of what {other}")):
        if found[name]:
            say(f"{sentence}:")
            print_table(MESSAGE_COLUMNS, [_row(one) for one in found[name]])
    say(f"Included: {', '.join(found['included'])}. Not included: {', '.join(found['left_out'])}.")


def _print_routes(found: Json) -> None:
    """Print the routes.

    Without rates where none is known, and without refused messages where there are none.
    """
    rates = [A_DAY] if found["a_day"] is not None else []
    names = [name for name in NUMBERS if name != "refused" or found["refused"]]
    rows = [
        (
            *(one["receiver"], one["route"], one["messages"]),
            *(f"{one['a_day']:g}" for _ in rates),
            *(one[name] for name in names),
        )
        for one in found["routes"]
    ]
    print_table((*ROUTE_COLUMNS, *rates, *(Column(heading=name) for name in names)), rows)
    if found["refused"]:
        say("refused: meant to be sent at the time too, and not taken by their channels")


def _headline(found: Json) -> str:
    """Return the number of messages in the time that was measured."""
    if found["history_since"] is None:
        return "no event is on record: there is nothing to play, and nothing was sent"
    news = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in found["by_news"].items())
    days, rate = found["days"], found["a_day"]
    short = f"{24 * days:.1f} hours, too short a history for a figure a day"
    time = f"{days:g} days, {rate:g} a day" if rate is not None else short
    counted = f"{found['messages']} messages" + (f" ({news})" if news else "")
    return f"{counted} in {time}; {found['judged']} of {found['events']} events judged, nothing was sent"


def _row(message: Json) -> tuple[object, ...]:
    when = message["at"].replace("T", " ")
    return (when, message["channel"], message["news"], message["project"], message["branch"], message["workflow"])
