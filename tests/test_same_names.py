"""Projects of one name are told apart wherever several projects stand side by side."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from service.db.migrate import migrate
from service.testing.fake_circleci.payloads import workflow_completed
from service.testing.sample_runs import web_main_red
from tests.support.app_fixture import Clock, an_instance
from tests.support.cli_runner import Terminal
from tests.support.operator_client import ADMIN_TOKEN

pytestmark = pytest.mark.long

ROUTES = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - match: {status: [failed]}
    receiver: web
    group: {by: [receiver], wait: 20s}
"""
FEEDS = ("/cctray.xml", "/metrics")
PAGES = ("/", "/board", "/projects", "/tests", "/tests?state=failing", "/incidents", "/builds")
COMMANDS = (("status",), ("incidents", "list"), ("tests", "list"))
BEARER = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
NAMED = re.compile(r"acme/web(?: \((?:gh|circleci)\))?")
LINK = re.compile(r"https://\S+")


@pytest.fixture
def shown(terminal: Terminal) -> dict[str, str]:
    """What each place says of two projects that are named acme/web, and of what is red there."""
    migrate(f"sqlite:///{terminal.folder / 'roundsman.db'}")
    shown = asyncio.run(_shown(terminal.folder))
    terminal.configure(ROUTES)
    terminal.run("version")  # after it nothing that the instance logged is left to read
    return shown | {" ".join(words): terminal.run(*words).out for words in COMMANDS}


async def _shown(folder: Path) -> dict[str, str]:
    now = datetime.now(UTC)  # commands have the clock of the machine
    red = web_main_red(now.date() - timedelta(days=1))
    twin = replace(red, number=red.number + 1, project=replace(red.project, is_app=True))
    payload: Any = workflow_completed(twin)
    async with an_instance(folder, ROUTES, clock=Clock(now=now)) as instance:
        await instance.finish(red)
        instance.pretend.run_finished(twin)
        await instance.post(payload | {"project": {**payload["project"], "id": str(UUID(int=7))}})
        await instance.drain()
        await instance.drain(minutes=3)
        [(_, message)] = instance.channels.took
        pages = {address: (await instance.http.get(address)).text for address in PAGES}
        feeds = {address: (await instance.http.get(address, headers=BEARER)).text for address in FEEDS}
        feeds["/metrics"] = "".join(re.findall("roundsman_workflow_red_since.*{.*", feeds["/metrics"]))
        return (
            feeds
            | {address: words(page) for address, page in pages.items()}
            | {"a message": LINK.sub("", message.text)}
        )


def words(page: str) -> str:
    """The words of a page's main part, as they stand on it, without its examples of a search."""
    shown = re.sub(r"<details.*?</details>", "", page.partition("<main")[2], flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", "", shown)).split())


def test_two_projects_of_one_name_have_two_names_in_every_place(shown: dict[str, str]) -> None:
    named = {place: {*NAMED.findall(" ".join(said.split()))} for place, said in shown.items()}

    assert {place: names for place, names in named.items() if names != {"acme/web (gh)", "acme/web (circleci)"}} == {}
