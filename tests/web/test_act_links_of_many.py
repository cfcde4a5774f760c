"""Links that act in messages of several news, and in living messages that are edited."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.channels import AppriseChannels
from service.pipeline.steps import Pipeline
from service.testing.fake_circleci.organization import Run
from tests.support.app_fixture import RED, Instance
from tests.support.fake_slack import CHANNEL, TOKEN, FakeSlack, fake_slack
from tests.web.test_act_links import LINK, acts, linking, posts

pytestmark = [pytest.mark.long, pytest.mark.databases("sqlite", "postgres", long_on=["postgres"])]

GROUPED = """\
receivers:
  web: {channels: [json://web.example.com]}
routes:
  - name: main
    match: {branch: main, transition: [broke, still_broken, fixed]}
    receiver: web
    act_links: 12h
    group: {by: [receiver], wait: 20s}
"""
LIVING = f"""\
receivers:
  web: {{channels: [{{url: "slack-bot://{TOKEN}/{CHANNEL}", name: "#web"}}]}}
routes:
  - {{name: main, match: {{branch: main}}, receiver: web, act_links: 12h}}
"""


def run(number: int) -> Run:
    return replace(RED, workflow=f"job-{number}", number=number)


async def test_message_of_several_news_has_a_link_for_each_of_the_first_five(folder: Path) -> None:
    async with linking(folder, GROUPED) as instance:
        for number in range(7):
            await instance.finish(run(901 + number))
        await instance.drain()
        instance.clock.tick(seconds=20)
        await instance.drain()
        [(_, message)] = instance.channels.took
        links = LINK.findall(message.text)
        async with instance.stranger() as reader:
            done = [(await reader.post(link)).status_code for link in (*links, links[0])]

    assert re.findall(r"Rerun from failed: acme/web main job-\d+", message.text) == [
        f"Rerun from failed: acme/web main job-{number}" for number in range(901, 906)
    ]
    assert done == [303] * 5 + [409]
    assert sorted(posts(instance)) == sorted(f"/workflow/{run(number).workflow_id}/rerun" for number in range(901, 906))
    assert {outcome for _, _, outcome in acts(instance)} == {"asked", "done"}


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with fake_slack() as slack:
        yield slack


def with_slack(instance: Instance, slack: FakeSlack) -> Instance:
    slack.clock = instance.clock
    context = replace(instance.service.context, notifier=AppriseChannels(deadline_s=120, slack_url=slack.url))
    return replace(instance, service=replace(instance.service, context=context, pipeline=Pipeline(context)))


def shown_links(slack: FakeSlack) -> list[str]:
    [message] = slack.messages
    return sorted(set(LINK.findall(str(message.attachments))))


async def test_edit_of_a_living_message_keeps_its_link_and_makes_it_no_longer_valid(
    folder: Path, slack: FakeSlack
) -> None:
    async with linking(folder, LIVING) as outer:
        instance = with_slack(outer, slack)
        await instance.finish(RED)
        await instance.drain(seconds=5)
        sent = shown_links(slack)
        edits: list[Any] = []
        for hours in (1, 12):
            instance.change("UPDATE living_messages SET edit_due_at = '2020-01-01 00:00:00.000000'")
            instance.clock.tick(hours=hours)
            await instance.service.pipeline.edit_living()
            edits.append(shown_links(slack))

    assert len(sent) == 1
    assert edits == [sent, []]
