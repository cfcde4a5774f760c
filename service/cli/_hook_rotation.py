"""The command that rotates the hooks' secret: hooks rotate."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.circleci.probe import Probe, post_probe
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._hooks import (
    STEP_COLUMNS,
    configured,
    names_of_ids,
    posting_projects,
    read_config,
    read_target,
    step_json,
    step_row,
)
from service.cli._output import MIN_WIDTH, MINUTES, AsJson, print_json, print_table, say, warn
from service.config.settings import Settings
from service.db.database import Store
from service.metrics import Metrics
from service.operations.hooks.hook_addresses import HOOK_PATH
from service.operations.hooks.hook_rotation import RotatedProject
from service.operations.hooks.hook_states import WAITS
from service.operations.hooks.hook_steps import FAILURES
from service.operations.hooks.rotate_hooks import RotationOutcome, RotationRequest, rotate
from service.operations.json_shapes import rfc3339
from service.store.circleci.hook_states import PROBE
from service.terminal import Column

COLUMNS = (
    Column(heading="project", cut_to=MIN_WIDTH, drops_path=True),
    Column(heading="hook", can_wrap=True),
    Column(heading="last secret"),
    Column(heading="last delivery (UTC)", short=MINUTES),
)

QuietHours = Annotated[
    int,
    typer.Option(
        min=1,
        max=720,
        metavar="NUMBER",
        help="Hours without a delivery signed with the old secret after which it is retired.",
    ),
]
At = Annotated[
    str, typer.Option("--at", metavar="URL", help="Ask the service at this address whether it accepts each secret.")
]
Accepted = Annotated[
    bool, typer.Option("--accepted", help="Do not ask it: each process has been reloaded with both secrets.")
]
AllowUnconfirmed = Annotated[
    bool, typer.Option("--allow-unconfirmed", help="Retire the old secret though some hooks have posted nothing since.")
]


def rotate_command(  # noqa: PLR0917 - one option each
    quiet_hours: QuietHours = 24,
    at: At = "",
    accepted: Accepted = False,
    allow_unconfirmed: AllowUnconfirmed = False,
    as_json: AsJson = False,
) -> None:
    """Replace the hooks' secret without losing a delivery.

    Begin with the new secret before the old one in ROUNDSMAN_WEBHOOK_SECRETS of each process. The command posts a
    signed ping with each to see that both are accepted, gives the newest to every hook of roundsman.yaml, and then
    waits for deliveries: run it again until it calls the old one retired. Safe to stop and to repeat; it says at each
    step what to do next, and shows no secret. Exit code 1 while something is left to do.
    """
    config = read_config()
    target, specs, history = read_target(config.settings), configured(config), posting_projects()
    hook = f"{at.rstrip('/')}{HOOK_PATH}" if at else target.url

    async def walk(_: Settings, store: Store) -> RotationOutcome:
        async def is_accepted(secret: str) -> bool:
            return await post_probe(hook, Probe(id_prefix=PROBE, secret=secret, at=store.clock()))

        request = RotationRequest(
            specs=specs,
            secrets=config.settings.webhook_secrets,
            target=target,
            history=history,
            quiet_for=timedelta(hours=quiet_hours),
            allow_unconfirmed=allow_unconfirmed,
            is_accepted=None if accepted else is_accepted,
            clock=store.clock,
        )
        source = circleci(config, metrics=Metrics())
        try:
            return await rotate(source, store, request)
        finally:
            await source.close()

    outcome = with_store(walk)
    _print(outcome, len(config.settings.webhook_secrets), as_json=as_json)
    if not outcome.rotation.is_over or any(step.verb in FAILURES for step in outcome.steps):
        raise typer.Exit(1)


def _print(outcome: RotationOutcome, secrets: int, *, as_json: bool) -> None:
    rotation = outcome.rotation
    if as_json:
        print_json(
            {
                "stage": rotation.stage,
                "next_step": rotation.next_step,
                "secrets": secrets,
                "projects": [_project_json(one) for one in rotation.projects],
                "steps": [step_json(step) for step in outcome.steps],
                "remarks": list(outcome.remarks),
            }
        )
        return
    names = names_of_ids([step.project for step in outcome.steps] + [one.project for one in rotation.projects])
    if outcome.steps:
        print_table(STEP_COLUMNS, [step_row(step, names) for step in outcome.steps])
    if rotation.projects:
        print_table(COLUMNS, [_row(one, names) for one in rotation.projects])
    say(f"{rotation.stage}: {rotation.next_step}")
    if outcome.remarks:
        warn(outcome.remarks)


def _row(one: RotatedProject, names: Mapping[str, str]) -> tuple[str, str, str, str]:
    state = "confirmed" if one.is_confirmed else WAITS if one.is_updated else "not updated"
    last = "none" if one.last_at is None else str(one.secret or "another")
    return names.get(one.project, one.project), state, last, format_time(rfc3339(one.last_at)) if one.last_at else ""


def _project_json(one: RotatedProject) -> dict[str, Any]:
    return {
        "project": one.project,
        "is_updated": one.is_updated,
        "is_confirmed": one.is_confirmed,
        "secret": one.secret,
        "last_delivery_at": rfc3339(one.last_at) if one.last_at else None,
    }
