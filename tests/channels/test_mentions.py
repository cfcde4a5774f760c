"""Mentions: people whom a service knows are called there, and no name from outside is."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.message import compose, slack_message, slack_problems
from service.model import Mention, MessageFacts, News
from tests.channels.test_channels import SLACK, sent
from tests.message.moments import BROKE, RED, a_story
from tests.support.apprise_urls import URLS
from tests.support.fake_servers import Answer, HttpEnd, internet
from tests.support.hostile_words import EVERY

KNOWN = Mention(name="Ada Example", slack="U012ABC", discord="1" * 18)


@pytest.fixture
def net() -> Iterator[HttpEnd]:
    with internet() as end:
        yield end


def message(*mentions: Mention) -> Any:
    return compose(a_story(run=BROKE), RED, facts=MessageFacts(news=News.BROKE, mentions=mentions))


async def test_slack_mentions_by_the_id_above_the_colored_part(net: HttpEnd) -> None:
    await sent(SLACK, message(KNOWN, Mention(name="Linh")))

    payload = net.got[0].json
    assert payload["blocks"][1]["elements"][0]["elements"] == [
        {"type": "text", "text": "For "},
        {"type": "user", "user_id": "U012ABC"},
        {"type": "text", "text": ", Linh"},
    ]
    assert "For " not in json.dumps(payload["attachments"])


async def test_discord_mentions_by_the_id_and_allows_no_other(net: HttpEnd) -> None:
    net.behave(Answer(status=204, body=b""))

    await sent(URLS["Discord"], message(KNOWN, Mention(name="@everyone <@42>")))

    payload = net.got[0].json
    assert payload["content"].endswith(f"<@{'1' * 18}>")
    assert payload["allowed_mentions"] == {"parse": [], "users": ["1" * 18], "roles": []}


@pytest.mark.parametrize("name", EVERY)
def test_hostile_name_is_a_text_in_slack(name: str) -> None:
    payload = slack_message(message(Mention(name=name)))

    [line] = payload["blocks"][1]["elements"]
    assert {element["type"] for element in line["elements"]} == {"text"}
    assert slack_problems(payload) == []


def test_other_forms_name_the_people_literally() -> None:
    shown = message(KNOWN, Mention(name="<b>@here</b>"))

    assert "For Ada Example, <b>@here</b>." in shown.text
    assert "For `Ada Example`, `<b>@here</b>`." in shown.markdown
    assert "&lt;b&gt;@here" in shown.html


def test_message_for_no_one_says_nothing_of_it() -> None:
    assert "For " not in message().text
    assert replace(message(), mentions=()) == message()
