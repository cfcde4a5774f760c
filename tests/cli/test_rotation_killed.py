"""A rotation under load, its command and the service killed between two hooks: nothing is lost, and it goes on."""

import asyncio
import itertools
import json
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.db.migrate import migrate
from service.testing.fake_circleci.faults import Fault
from service.testing.fake_circleci.organization import ADA, PROJECTS, SHOP_API, WEB
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from service.testing.fake_circleci.server import FakeCircleCI
from tests.cli.test_hooks import HOOKS, PUBLIC_URL, RECEIVERS
from tests.support.app_fixture import RED, SECRET, TOKEN, environ, signature
from tests.support.cli_runner import served
from tests.support.databases import database_of
from tests.support.processes import ENDS_WITHIN_S, ROUNDSMAN, run, serve, surroundings, until

pytestmark = pytest.mark.long

NEW = "the-new-invented-secret"


class Gate(asyncio.Event):
    """An event that another thread sets."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()

    async def wait(self) -> bool:  # type: ignore[override]
        return await asyncio.to_thread(self.is_open.wait, ENDS_WITHIN_S)


@dataclass(kw_only=True)
class CircleCIPosts:
    """Posts of the hooks, signed with the secrets that they have, each repeated until it is accepted."""

    pretend: FakeCircleCI
    address: str = ""
    accepted: set[str] = field(default_factory=set)
    refused: list[int] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def post(self, number: int) -> None:
        for project in (WEB, SHOP_API):
            [hook] = self.pretend.hooks.of_project(project.id)
            payload = workflow_completed(replace(RED, project=project, number=number))
            body = as_bytes(payload)
            headers = {"circleci-signature": signature(body, hook["signing-secret"])}
            if self.is_accepted(body, headers):
                self.accepted.add(str(payload["id"]))

    def is_accepted(self, body: bytes, headers: dict[str, str]) -> bool:
        while not self.is_over.is_set():
            try:
                status = httpx.post(
                    f"{self.address}/hooks/circleci", content=body, headers=headers, trust_env=False, timeout=60
                ).status_code
            except httpx.HTTPError:  # it was killed, and is not there again
                time.sleep(0.05)
                continue
            if status not in {200, 202}:
                self.refused.append(status)
            return status in {200, 202}
        return False

    @contextmanager
    def going_on(self) -> Iterator[None]:
        def post_all() -> None:
            for number in itertools.count(7000):
                if self.is_over.is_set():
                    return
                self.post(number)

        thread = threading.Thread(target=post_all)
        thread.start()
        try:
            yield
        finally:
            self.is_over.set()
            thread.join()


@pytest.fixture
def pretend() -> FakeCircleCI:
    return FakeCircleCI(token=TOKEN, owner=ADA, projects=PROJECTS)


@pytest.fixture
def both(folder: Path, pretend: FakeCircleCI) -> Iterator[dict[str, str]]:
    """The environment with both secrets, once the hooks have the old one."""
    with served(pretend) as circleci:
        where = {"ROUNDSMAN_CIRCLECI_URL": circleci, "ROUNDSMAN_PUBLIC_URL": PUBLIC_URL}
        old = environ(folder, RECEIVERS + HOOKS, **where)
        migrate(old["ROUNDSMAN_DATABASE_URL"])
        assert run("hooks", "apply", folder=folder, **old).returncode == 0
        yield {**old, "ROUNDSMAN_WEBHOOK_SECRETS": f"{NEW},{SECRET}"}


@pytest.mark.parametrize("killed_at", [1, 2])
def test_killed_between_two_hooks_a_rotation_loses_nothing_and_goes_on(
    folder: Path, pretend: FakeCircleCI, both: dict[str, str], killed_at: int
) -> None:
    posts = CircleCIPosts(pretend=pretend)
    with ExitStack() as stack:
        service = stack.enter_context(serve(folder, both))
        posts.address = service.address
        stack.enter_context(posts.going_on())
        kill_while_it_updates(folder, pretend, both, hook=killed_at, address=service.address)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        posts.address = address = stack.enter_context(serve(folder, both)).address
        first = walk(folder, both, address)
        before = len(posts.accepted)
        until(lambda: len(posts.accepted) > before + 4)
        second = walk(folder, both, address)

    updated = [(step["verb"], step["project"]) for step in first["steps"]]
    assert updated == [("update", slug) for slug in ("gh/acme/web", "gh/acme/shop-api")[killed_at - 1 :]]
    assert (second["stage"], second["steps"]) == ("wait", [])
    assert all(one["is_confirmed"] and one["secret"] == 1 for one in second["projects"])
    assert {one["signing-secret"] for one in pretend.hooks.registered.values()} == {NEW}
    assert posts.refused == []
    assert posts.accepted <= {one for (one,) in database_of(folder).rows("SELECT source_event_id FROM deliveries")}


def kill_while_it_updates(
    folder: Path, pretend: FakeCircleCI, both: dict[str, str], *, hook: int, address: str
) -> None:
    """Kill the command while its update of the first or second hook is on its way; CircleCI does it all the same."""
    [one] = pretend.hooks.of_project((WEB, SHOP_API)[hook - 1].id)
    gate = Gate()
    pretend.faults.next(f"/webhook/{one['id']}", Fault(gate=gate))
    words = [str(ROUNDSMAN), "hooks", "rotate", "--at", address]
    with subprocess.Popen(words, cwd=folder, env=surroundings(both), stdout=subprocess.DEVNULL) as rotate:
        until(lambda: sum(call.method == "PUT" for call in pretend.calls) == hook)
        rotate.kill()
    gate.is_open.set()


def walk(folder: Path, both: dict[str, str], address: str) -> Any:
    return json.loads(run("hooks", "rotate", "--at", address, "--json", folder=folder, **both).stdout)
