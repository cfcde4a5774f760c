"""Messages of several news: a line for each that is on record, and the people whom any of them is for."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from service.model import Message
from service.testing.fake_circleci.organization import LINH, Run
from tests.support.app_fixture import RED, Instance, an_instance

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = f"""\
people:
  ada: {{vcs: {RED.author.email}, slack: U0ADA}}
  linh: {{vcs: {LINH.email}, slack: U0LINH}}
receivers:
  web: {{channels: [json://web.example.com]}}
routes:
  - name: main
    match: {{branch: main, transition: [broke, still_broken, fixed]}}
    receiver: web
    mention: [author]
    group: {{by: [receiver], wait: 20s}}
"""
PUBLIC = "https://ci.example.com"


def run(workflow: str) -> Run:
    return replace(RED, workflow=workflow, author=LINH if workflow == "lint" else RED.author)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, ROUTES, ROUNDSMAN_PUBLIC_URL=PUBLIC) as instance:
        yield instance


@pytest.fixture
async def ids(instance: Instance) -> dict[str, str]:
    """The events of three news of a group, which wait, by their workflows."""
    found = {workflow: await instance.finish(run(workflow)) for workflow in ("build", "deploy", "lint")}
    await instance.drain()
    return found


async def told(instance: Instance) -> Message:
    await instance.drain(seconds=20)
    [(_, message)] = instance.channels.took
    return message


async def test_each_of_the_news_is_told_and_calls_its_author(instance: Instance, ids: dict[str, str]) -> None:
    message = await told(instance)

    assert message.title == "3 workflows broke in acme/web main"
    assert all(workflow in message.text for workflow in ids)
    assert message.page == f"{PUBLIC}/"
    assert sorted(one.slack or "" for one in message.mentions) == ["U0ADA", "U0LINH"]


@pytest.mark.usefixtures("ids")
async def test_news_of_a_route_that_is_gone_are_told_and_call_no_one(instance: Instance, folder: Path) -> None:
    instance.channels.plan["web (json)"] = [OSError("cut")]
    await instance.drain(seconds=20)
    routes = ROUTES.replace("name: main", "name: renamed")
    async with an_instance(folder, routes, clock=instance.clock, ROUNDSMAN_PUBLIC_URL=PUBLIC) as renamed:
        await renamed.drain(seconds=10)
        [(_, message)] = renamed.channels.took

    assert message.title == "3 workflows broke in acme/web main"
    assert message.mentions == ()


async def test_news_whose_event_is_forgotten_are_left_out(instance: Instance, ids: dict[str, str]) -> None:
    instance.channels.plan["web (json)"] = [OSError("cut")]
    await instance.drain(seconds=20)
    instance.change("UPDATE notifications SET event_id = NULL WHERE event_id = ?", UUID(ids["deploy"]).hex)
    await instance.drain(seconds=10)

    [(_, message)] = instance.channels.took
    assert message.title == "2 workflows broke in acme/web main"
    assert "deploy" not in message.text
