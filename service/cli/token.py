"""The command about the tokens of CircleCI: token."""

import asyncio
from collections.abc import Sequence
from typing import Any

import typer

from service.app.build_context import circleci
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.request import TOKEN_SETTING
from service.circleci.circleci import ADMIN_TOKEN_SETTING, CircleCI
from service.cli._circleci import managing_config
from service.cli._database import with_store
from service.cli._output import AsJson, print_json, say, warn
from service.clock import now_utc
from service.config.configuration import Config
from service.config.settings import Settings
from service.db.database import Store
from service.errors import BadConfig, Permanent, Temporary
from service.metrics import Metrics
from service.operations.checks.rights import RightFound, find_rights
from service.operations.hooks.hook_globs import project_to_try
from service.pipeline.fetching.guards import RECENT, find_projects

STYLES = {"given": "green", "lacking": "yellow", "unknown": "yellow"}


def token(as_json: AsJson = False) -> None:
    """Say whose CircleCI tokens are used, and their rights.

    Until when they are valid is known where ROUNDSMAN_CIRCLECI_TOKEN_ENDS says it. Rights are found by asking for
    one thing of each kind, of the first project under `hooks`, or of the last one that posted; nothing is changed.
    Exit code 1 when a token is refused or has ended.
    """
    config = managing_config("CircleCI is asked with")
    project, tokens = asyncio.run(_look(config, _recent_projects()))
    if as_json:
        print_json({"project": project, "tokens": tokens})
    else:
        for one in tokens:
            _print(one)
        if project is None:
            say("rights were not tried: no project that the token shows is under `hooks`, and none has posted here")
    if any(not one["accepted"] or one["has_ended"] for one in tokens):
        raise typer.Exit(1)


def _recent_projects() -> list[str]:
    async def read(_: Settings, store: Store) -> list[str]:
        return await store.read(find_projects, store.clock() - RECENT)

    try:
        return with_store(read)
    except (BadConfig, Temporary) as error:
        warn([f"the projects that posted are not known: {error}"])
        return []


async def _look(config: Config, recent: Sequence[str]) -> tuple[str | None, list[dict[str, Any]]]:
    """Return the project that was asked for, and what is known of each token."""
    source = circleci(config, metrics=Metrics())
    try:
        project = await project_to_try(source, config.hooks, recent)
        reading, managing = await find_rights(source, project) if project else ((), ())
        if not source.has_admin:
            return project, [await _token(source, source.api, TOKEN_SETTING, [*reading, *managing])]
        return project, [
            await _token(source, source.api, TOKEN_SETTING, reading),
            await _token(source, source.admin_api, ADMIN_TOKEN_SETTING, managing),
        ]
    finally:
        await source.close()


async def _token(source: CircleCI, api: CircleCIAPI, setting: str, rights: Any) -> dict[str, Any]:
    expires = source.token_expires.get(setting)
    owner, problem = None, None
    try:
        found = await api.me()
        owner = found.login or found.id
    except (Temporary, Permanent) as error:
        problem = str(error)
    left = source.calls_left if setting == TOKEN_SETTING else None
    return {
        "setting": setting,
        "accepted": problem is None,
        "problem": problem,
        "owner": owner,
        "expires": expires.isoformat() if expires else None,
        "has_ended": expires is not None and expires <= now_utc().date(),
        "calls": {"left": left.left, "limit": left.most} if left else None,
        "rights": [_right(one) for one in rights],
    }


def _right(right: RightFound) -> dict[str, Any]:
    return {"what": right.what, "access": right.access, "sentence": right.sentence}


def _print(one: dict[str, Any]) -> None:
    say(one["setting"], "bold")
    if not one["accepted"]:
        say(f"  {one['problem']}", "red")
        return
    say(f"  it is {one['owner']}'s")
    until = f"ends on {one['expires']}" if one["expires"] else f"{one['setting']}_ENDS does not say when it ends"
    say(f"  {until}", "red" if one["has_ended"] else "")
    if one["calls"]:
        say(f"  {one['calls']['left']} of {one['calls']['limit']} calls left")
    for right in one["rights"]:
        words = f": {right['sentence']}" if right["sentence"] else ""
        say(f"  {right['access']:<7}  {right['what']}{words}", STYLES[right["access"]])
