"""The command backfill: fill holes in the history of a project."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from service.app.build_context import circleci
from service.cli._database import with_store
from service.cli._known_names import complete_project, require_slug
from service.cli._output import AsJson, print_json, say
from service.config.configuration import load
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig, BadRequest, Temporary
from service.metrics import Metrics
from service.model.reconciling import BackfillState
from service.operations.backfill import Backfill
from service.operations.json_shapes import rfc3339
from service.operations.time_filters import to_time
from service.pipeline.reconciling.call_budget import PacedBudget

STOPPED = "what was found is kept, and the same command goes on from there"


Slug = Annotated[
    str,
    typer.Option(
        "--project",
        metavar="PROJECT",
        help="The project's slug or name, such as acme/web.",
        autocompletion=complete_project,
    ),
]
SinceOption = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 30d, or 2026-11-22.")]


def backfill(project: Slug, since: SinceOption = "30d", as_json: AsJson = False) -> None:
    """Add what CircleCI never posted to a project's history.

    It asks for each pipeline, with two thirds of ROUNDSMAN_RECONCILE_CALLS a minute at most; stopped, it goes on at the
    next call. What is added is judged where it stands; what is older than an hour is told to no channel. What runs, or
    ended within the last 90 seconds, is left to the running service.
    """
    slug = require_slug(project)

    async def run(_settings: Settings, store: Store) -> BackfillState:
        config = load(os.environ, serving=False, sending=False)
        if config.settings.circleci_token is None:
            raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN is not set: it asks with a personal API token; set one")
        begins = to_time(since, store.clock())
        if begins >= store.clock():
            raise BadRequest(f"--since {since} is not before now; write 30d or 2026-11-22")
        source = circleci(config, metrics=Metrics(), clock=store.clock)
        calls = config.settings.reconcile_calls
        budget = PacedBudget(store, calls, clock=store.clock, has_room=lambda: source.has_room, time=time.monotonic)
        try:
            with _progress(is_shown=not as_json, calls=calls) as progress:
                work = Backfill(store=store, source=source, budget=budget, clock=store.clock, progress=progress)
                return await work.run(slug, begins)
        except Temporary as error:
            raise Temporary(f"{error}; {STOPPED}") from error
        finally:
            await source.close()

    try:
        state = with_store(run)
    except KeyboardInterrupt as stop:
        raise Temporary(f"stopped; {STOPPED}") from stop
    if as_json:
        print_json(_json(state))
        return
    span = f"{state.since:%Y-%m-%d} to {state.until:%Y-%m-%d %H:%M} UTC"
    say(
        f"{state.slug}, {span}: {_count(state.asked, 'pipeline')} asked for, {_count(state.found, 'missed post')} added"
    )
    if state.found:
        say("the running service judges what was added within a second or so; `roundsman events list` shows it")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


@contextmanager
def _progress(*, is_shown: bool, calls: int) -> Iterator[Callable[[BackfillState], None]]:
    """Show a bar on standard error, if that is a terminal."""
    errors = Console(stderr=True)
    if not is_shown or not errors.is_terminal:
        yield lambda _state: None
        return
    # no time left is shown: it stands still for most of a minute when the calls of that minute are spent
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn(), TimeElapsedColumn()
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task("asking CircleCI", total=1.0)
        yield lambda state: bar.update(
            task,
            completed=_share(state),
            description=f"{state.asked} asked, {state.found} missed; at most {calls} calls a minute",
        )


def _share(state: BackfillState) -> float:
    """Return the share of the span that is done: the newest pipelines come first."""
    return (state.until - state.done_until) / (state.until - state.since)


def _json(state: BackfillState) -> dict[str, Any]:
    return {
        "project": state.slug,
        "since": rfc3339(state.since),
        "until": rfc3339(state.until),
        "pipelines": state.asked,
        "added": state.found,
        "ended_at": rfc3339(state.ended_at) if state.ended_at else None,
    }
