"""Commands for the settings that guard builds: settings show, snapshot, diff."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.cli._circleci import managing_config
from service.cli._commands import Group
from service.cli._database import with_store
from service.cli._event_text import format_time
from service.cli._known_names import slug_on_record
from service.cli._output import AsJson, print_json, print_table, say, warn
from service.config.settings import Settings
from service.db.database import Store
from service.metrics import Metrics
from service.model import GuardChange, GuardSnapshot, slug_spellings
from service.operations.health.settings_changes import change_json
from service.operations.hooks.hook_globs import expand
from service.operations.json_shapes import rfc3339
from service.operations.time_filters import to_time
from service.pipeline.fetching.guards import RECENT, GuardLook, compare, find_projects
from service.store.circleci import guards
from service.terminal import Column

COLUMNS = (Column(heading="at", cut_to=10), Column(heading="change", can_wrap=True))
STATE_COLUMNS = (Column(heading="of", cut_to=8), Column(heading="area"), Column(heading="settings", can_wrap=True))
MAX_SHOWN = 10

ProjectOption = Annotated[
    str, typer.Option(metavar="PROJECT", help="Of this project, or of this organization with its projects.")
]
Since = Annotated[str, typer.Option(metavar="TIME", help="How far back: 7d, 12h.")]

settings = Group("See what guards builds at CircleCI, and how it changed.")


@settings.command("show")
def show(project: ProjectOption = "", as_json: AsJson = False) -> None:
    """Show the names and states last seen, never values."""

    async def read(_: Settings, store: Store) -> Sequence[GuardSnapshot]:
        return await store.read(guards.find_snapshots)

    named = slug_on_record(project) if project else ""
    found = [one for one in with_store(read) if not named or f"{one.scope}/".startswith(f"{named}/")]
    if as_json:
        print_json({"settings": [_snapshot_json(one) for one in found]})
    elif found:
        print_table(STATE_COLUMNS, [(one.scope, one.area.value.replace("_", " "), _states(one)) for one in found])
    else:
        say("none were looked at yet: `roundsman settings snapshot` does, and `roundsman serve` once a day")


@settings.command("snapshot")
def snapshot(project: ProjectOption = "", as_json: AsJson = False) -> None:
    """Compare the settings with those on record.

    And keep what changed: of each project under `hooks`, and of each that posted lately. Nothing is changed at
    CircleCI. The first snapshot of a project has nothing to be compared with. The running service tells its routes with
    `event: settings-changed` of changes. Exit code 1 when something could not be read.
    """
    config = managing_config("settings are read with")
    of = slug_on_record(project) if project else ""

    async def look(_: Settings, store: Store) -> GuardLook:
        source, now = circleci(config, metrics=Metrics()), store.clock()
        try:
            if of:
                return await compare(store, source, [of], now)
            recent = await store.read(find_projects, now - RECENT)
            wanted = await expand(source, config.hooks, recent)
            named = [slug_spellings(spec.project)[0] for spec in wanted.specs]
            found = await compare(store, source, list(dict.fromkeys([*named, *recent])), now)
            found.unread += [step.why for step in wanted.unread]
            return found
        finally:
            await source.close()

    found = with_store(look)
    if as_json:
        lacking = [_snapshot_json(one) for one in found.lacking]
        changes = [change_json(one) for one in found.changes]
        figures = {"areas": found.areas, "first": found.first}
        print_json({**figures, "changes": changes, "lacking": lacking, "unread": found.unread})
    else:
        _print_changes(found.changes, none="" if found.first else "nothing has changed")
        for scope in found.first:
            say(f"{scope}: the first snapshot, with which later ones are compared")
        warn(f"{one.scope}, {one.area.value.replace('_', ' ')}: {one.lacking}" for one in found.lacking)
        warn(found.unread)
        say(f"{found.areas} areas compared")
    if found.lacking or found.unread or not found.areas:
        raise typer.Exit(1)


@settings.command("diff")
def diff(since: Since = "30d", project: ProjectOption = "", as_json: AsJson = False) -> None:
    """Show how the settings changed, newest first."""
    of = slug_on_record(project) if project else None

    async def read(_: Settings, store: Store) -> Sequence[GuardChange]:
        start = to_time(since, store.clock())
        return await store.read(partial(guards.find_changes, since=start, scope=of))

    found = with_store(read)
    if as_json:
        print_json({"changes": [change_json(one) for one in found]})
    else:
        _print_changes(found, none=f"no change since {since} is on record")


def _print_changes(found: Sequence[GuardChange], *, none: str) -> None:
    if found:
        print_table(COLUMNS, [(_shown_time(one.at), one.sentence) for one in found])
    elif none:
        say(none)


def _shown_time(at: datetime) -> str:
    return format_time(rfc3339(at))


def _states(one: GuardSnapshot) -> str:
    if one.lacking:
        return f"not known: {one.lacking}"
    shown = [f"{name}{f' ({state})' if state else ''}" for name, state in sorted(one.states.items())[:MAX_SHOWN]]
    left = len(one.states) - len(shown)
    return ", ".join([*shown, *([f"and {left} more"] if left else [])]) or "none"


def _snapshot_json(one: GuardSnapshot) -> dict[str, Any]:
    return {
        "of": one.scope,
        "area": one.area,
        "states": dict(one.states),
        "taken_at": rfc3339(one.taken_at),
        "lacking": one.lacking,
    }
