"""The parts that the hooks commands share: settings, CircleCI, and tables."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.cli._database import with_store
from service.cli._output import MIN_WIDTH, print_json, print_table, say, warn
from service.config.configuration import Config, load
from service.config.settings import Settings
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary
from service.metrics import Metrics
from service.model import HookSpec
from service.operations.hook_steps import FAILURES, Step, known_and_deleted
from service.operations.hooks import HookTarget, hook_target
from service.store import hooks as known_hooks
from service.store.event_search import recent_projects
from service.terminal import Column
from service.text import humanize

RECENT = timedelta(days=30)

STEP_COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="project", cut_to=MIN_WIDTH),
    Column(heading="hook", cut_to=MIN_WIDTH),
    Column(heading="why", can_wrap=True),
)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The steps of a command, and remarks on the projects that patterns fit."""

    steps: list[Step]
    remarks: Sequence[str] = ()


def read_config() -> Config:
    """Return the configuration; raise BadConfig without an API token."""
    config = load(os.environ, serving=False, sending=False)
    if config.settings.circleci_token is None:
        raise BadConfig("ROUNDSMAN_CIRCLECI_TOKEN is not set: hooks are managed with an organization admin's token")
    return config


def read_target(settings: Settings) -> HookTarget:
    """Return our address and newest secret; raise BadConfig if they are of no use."""
    return hook_target(settings.public_url, settings.webhook_secrets, settings.circleci_url)


def posting_projects() -> list[str]:
    """Return the projects that posted in the last 30 days or have a hook of ours.

    If the database cannot be read: none, and a warning.
    """
    since = datetime.now(UTC) - RECENT

    def find(transaction: Transaction) -> list[str]:
        return list(dict.fromkeys([*recent_projects(transaction, since=since), *known_hooks.projects(transaction)]))

    try:
        return with_store(lambda _, store: store.snapshot(find))
    except (BadConfig, Temporary) as error:
        warn([f"orphans were not looked for: {error}"])
        return []


def configured(config: Config) -> Sequence[HookSpec]:
    """Return the hooks of roundsman.yaml; raise BadConfig if there are none."""
    if not config.hooks:
        raise BadConfig(f"{config.settings.config} has no hooks; add `hooks: [{{project: gh/acme/web}}]`")
    return config.hooks


def record(steps: Sequence[Step], our_url: str) -> None:
    """Store our hooks, so that the refusal of an unsigned post can name its hook."""
    known, gone = known_and_deleted(steps, our_url, datetime.now(UTC))
    if not (known or gone):
        return
    try:
        with_store(lambda _, store: store.write(known_hooks.record, known, gone))
    except (BadConfig, Temporary) as error:
        warn([f"the hooks are not on record, so refusals of their posts will not name them: {error}"])


def with_api(config: Config, question: Callable[[CircleCI], Awaitable[Outcome]]) -> Outcome:
    """Return the answer to a question to CircleCI."""

    async def ask() -> Outcome:
        source = circleci(config, metrics=Metrics())
        try:
            return await question(source)
        finally:
            await source.close()

    return asyncio.run(ask())


def finish(outcome: Outcome, *, as_json: bool) -> None:
    """Print the steps; exit with 1 if one failed."""
    print_steps(outcome, as_json=as_json)
    if any(step.verb in FAILURES for step in outcome.steps):
        raise typer.Exit(1)


def print_steps(outcome: Outcome, *, as_json: bool) -> None:
    """Print the steps as a table or as JSON, and remarks on stderr or with them."""
    if as_json:
        print_json({"steps": [_step_json(step) for step in outcome.steps], "remarks": list(outcome.remarks)})
        return
    if outcome.steps:
        rows = [(humanize(step.verb), step.project, _name(step), step.why) for step in outcome.steps]
        print_table(STEP_COLUMNS, rows)
    else:
        say("no hooks")
    if outcome.remarks:
        warn(outcome.remarks)


def _name(step: Step) -> str | None:
    return step.hook.name if step.hook else step.spec.name if step.spec else None


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "verb": step.verb,
        "project": step.project,
        "hook": {"id": step.hook.id, "name": step.hook.name} if step.hook else None,
        "why": step.why,
    }
