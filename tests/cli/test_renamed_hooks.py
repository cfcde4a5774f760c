"""What the hooks commands say of a project that was renamed, and what they do not advise."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.db.migrate import migrate
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import ADA, PROJECTS, WEB
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_hooks import HOOKS, PUBLIC_URL, RECEIVERS
from tests.support.app_fixture import RED, TOKEN, Clock, an_instance
from tests.support.cli_runner import Terminal, served
from tests.support.renamed_project import Renamed

SHOP = Renamed(name="shop", was=WEB)


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def admin(terminal: Terminal, pretend: FakeCircleCI) -> Iterator[Terminal]:
    """A person with an organization admin's token, whose projects have posted just now."""
    with served(pretend) as address:
        terminal.configure(RECEIVERS + HOOKS, ROUNDSMAN_CIRCLECI_URL=address, ROUNDSMAN_PUBLIC_URL=PUBLIC_URL)
        migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")
        asyncio.run(post(terminal, workflow_completed(replace(RED, pushed_at=datetime.now(UTC) - timedelta(hours=1)))))
        yield terminal


async def post(terminal: Terminal, payload: dict[str, object]) -> None:
    async with an_instance(terminal.folder, RECEIVERS + HOOKS, clock=Clock(now=datetime.now(UTC))) as instance:
        await instance.post(payload)
        await instance.drain()


@pytest.mark.parametrize("verb", ["plan", "list"])
def test_renamed_project_is_named_as_such_and_its_hook_is_kept(
    admin: Terminal, pretend: FakeCircleCI, verb: str
) -> None:
    admin.run("hooks", "apply")
    run = replace(RED, project=SHOP, number=RED.number + 1, pushed_at=datetime.now(UTC) - timedelta(minutes=30))
    pretend.run_finished(run)
    asyncio.run(post(admin, workflow_completed(run)))
    for path in ("/project/gh/acme/web", "/project/github/acme/web"):
        pretend.faults.next(path, broken(404))

    said = admin.run("hooks", verb)

    words = {line.split()[0]: " ".join(line.split()[2:]) for line in said.lines[1:]}
    assert said.code == 1
    assert "renamed: CircleCI calls it gh/acme/shop by now; write that in roundsman.yaml" in words["failed"]
    assert "called gh/acme/web in roundsman.yaml, its former name: write gh/acme/shop there" in words["orphan"]
    assert "hooks delete" not in said.out
