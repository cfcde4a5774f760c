"""The tables of the hooks commands name projects whose slugs are made of ids."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.db.migrate import migrate
from service.testing.fake_circleci.organization import ADA, MOBILE, PROJECTS
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_hooks import PUBLIC_URL, RECEIVERS
from tests.support.app_fixture import RED, TOKEN, Clock, an_instance
from tests.support.cli_runner import Terminal, served

HOOKS = f"hooks:\n  - project: {MOBILE.slug}\n"


async def post(terminal: Terminal) -> None:
    run = replace(RED, project=MOBILE, pushed_at=datetime.now(UTC) - timedelta(hours=1))
    async with an_instance(terminal.folder, RECEIVERS + HOOKS, clock=Clock(now=datetime.now(UTC))) as instance:
        await instance.post(workflow_completed(run))
        await instance.drain()


@pytest.mark.parametrize("words", [("list",), ("plan",), ("apply",), ("rotate", "--accepted")])
def test_project_of_the_github_app_has_its_name_once_it_has_posted(terminal: Terminal, words: tuple[str, ...]) -> None:
    with served(FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)) as address:
        terminal.configure(RECEIVERS + HOOKS, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL)
        migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")
        terminal.run("hooks", "apply")
        before = terminal.run("hooks", *words)
        asyncio.run(post(terminal))
        terminal.run("version")  # what was printed until now is its
        after, as_json = terminal.run("hooks", *words), terminal.run("hooks", *words, "--json")

    assert f"{MOBILE.slug}  " in before.out
    assert "acme/mobile  " in after.out
    assert MOBILE.slug not in after.out
    assert MOBILE.slug in as_json.out
