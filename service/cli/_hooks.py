"""The parts that the hooks commands share: settings, CircleCI, and tables."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import typer

from service.app.build_context import circleci
from service.circleci.circleci import CircleCI
from service.circleci.webhook.signature import fingerprint_of
from service.cli._circleci import managing_config
from service.cli._database import with_store
from service.cli._output import MIN_WIDTH, print_json, print_table, say, warn
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.database import Store
from service.db.tables import Transaction
from service.errors import BadConfig, Temporary
from service.metrics import Metrics
from service.model import HookSpec, slug_spellings
from service.operations.hooks.hook_states import (
    applied_states,
    deleted_projects,
    refresh,
    with_confirmation,
    with_renames,
)
from service.operations.hooks.hook_steps import FAILURES, Step, known_and_deleted
from service.operations.hooks.hooks import HookTarget, hook_target
from service.store.circleci import hook_states
from service.store.circleci import hooks as known_hooks
from service.store.events.event_search import recent_projects
from service.store.runs.project_names import name_by_slug
from service.terminal import Column
from service.text import humanize

RECENT = timedelta(days=30)

STEP_COLUMNS = (
    Column(heading="step", style=lambda verb: "red" if verb in FAILURES else ""),
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
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
    return managing_config("hooks are managed with")


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


def record(steps: Sequence[Step], target: HookTarget | str) -> None:
    """Store our hooks and their states.

    So the refusal of an unsigned post can name its hook.

    target   our address, with the secret that was sent if one was
    """
    now, our_url = datetime.now(UTC), target if isinstance(target, str) else target.url
    known, gone = known_and_deleted(steps, our_url, now)
    secret = None if isinstance(target, str) else target.secret

    async def keep(_: Settings, store: Store) -> None:
        await store.write(known_hooks.record, known, gone)
        await store.write(hook_states.forget, deleted_projects(steps, our_url))
        if secret is not None:
            before = await store.read(hook_states.find_all)
            await store.write(hook_states.record, applied_states(steps, before, fingerprint_of(secret), now))

    if not (known or gone):
        return
    try:
        with_store(keep)
    except (BadConfig, Temporary) as error:
        warn([f"the hooks are not on record, so refusals of their posts will not name them: {error}"])


def confirmed(outcome: Outcome) -> Outcome:
    """Return the steps with what deliveries have shown of their hooks.

    Without a database they stay as they are.
    """
    if not any(step.hook for step in outcome.steps):
        return outcome
    try:
        states = with_store(lambda _, store: refresh(store, datetime.now(UTC)))
    except (BadConfig, Temporary):
        return outcome
    return replace(outcome, steps=with_renames(with_confirmation(outcome.steps, states), states))


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
        print_json({"steps": [step_json(step) for step in outcome.steps], "remarks": list(outcome.remarks)})
        return
    if outcome.steps:
        names = names_of_ids(step.project for step in outcome.steps)
        print_table(STEP_COLUMNS, [step_row(step, names) for step in outcome.steps])
    else:
        say("no hooks")
    if outcome.remarks:
        warn(outcome.remarks)


def names_of_ids(projects: Iterable[str]) -> Mapping[str, str]:
    """Return the names of the projects whose slugs are made of ids, by these.

    Cut to the width of a column, such slugs are all alike. Without a database, or before the first post: none.
    """
    slugs = [project for project in projects if project.startswith("circleci/")]
    try:
        found = with_store(lambda _, store: store.read(name_by_slug, slugs)) if slugs else {}
    except (BadConfig, Temporary):
        return {}
    return {slug: found[slug_spellings(slug)[0]] for slug in slugs if slug_spellings(slug)[0] in found}


def step_row(step: Step, names: Mapping[str, str]) -> tuple[str, str, str | None, str]:
    """Return the row of a step; names stand in place of slugs."""
    return humanize(step.verb), names.get(step.project, step.project), _name(step), step.why


def _name(step: Step) -> str | None:
    return step.hook.name if step.hook else step.spec.name if step.spec else None


def step_json(step: Step) -> dict[str, Any]:
    """Return a step in JSON's types."""
    return {
        "verb": step.verb,
        "project": step.project,
        "hook": {"id": step.hook.id, "name": step.hook.name} if step.hook else None,
        "why": step.why,
        "waits_for_delivery": step.is_waiting,
    }
