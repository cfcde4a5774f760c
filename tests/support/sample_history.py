"""A folder in which a service has lived, and somebody at a terminal in it."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.errors import Permanent, Temporary
from service.testing.fake_circleci.faults import broken
from service.testing.fake_circleci.organization import WEB
from service.testing.fake_circleci.payloads import ping, workflow_completed
from tests.support.app_fixture import GREEN, NINE, RED, an_instance
from tests.support.cli_runner import Terminal

ROUTES = """\
receivers:
  web:
    channels: [json://web.example.com, json://pager.example.com]
routes:
  - name: red
    match: {status: [failed, error], actor: "!a-robot"}
    receiver: web
"""
NOWHERE = "3f2c8a52-6d3e-4b7e-9a57-0f6a1c2b3d4e"


@dataclass(frozen=True, kw_only=True)
class Past:
    """A folder in which a service has lived, and the ids of what happened there."""

    folder: Path
    ping: str
    red: str
    green: str
    unread: str
    unsent: str


@pytest.fixture(scope="session")
def past(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    shutil.copy(migrated, folder / "roundsman.db")
    return asyncio.run(_live(folder))


async def _live(folder: Path) -> Past:
    async with an_instance(folder, ROUTES) as instance:
        instance.pretend.faults.next("/workflow/*/job", broken(410))
        instance.channels.plan["web (json 2)"] = [Temporary("the pager is busy"), Permanent("the pager is gone")]
        ids = {"ping": await instance.post(ping(WEB, NINE)), "red": await instance.finish(RED)}
        instance.pretend.run_finished(GREEN)
        green = workflow_completed(GREEN)
        green["pipeline"]["vcs"]["commit"]["subject"] = "\x1b[31m Fix\x07 [bold]it[/]"
        ids["green"] = await instance.post(green)
        ids["unread"] = (await instance.send(b'{"type": "new"}')).json()["delivery"]
        await instance.drain()
        await instance.drain(minutes=1)
        await instance.act(f"deliveries/{ids['green']}/replay")
        await instance.drain()
        [dead] = (await instance.dead_letters())["notifications"]
        return Past(folder=folder, unsent=dead["id"], **ids)


@pytest.fixture
def operator(terminal: Terminal, past: Past) -> Terminal:
    """Somebody at a terminal in that folder."""
    shutil.copytree(past.folder, terminal.folder, dirs_exist_ok=True)
    terminal.set(ROUNDSMAN_DATABASE_URL="sqlite:///roundsman.db")
    return terminal
