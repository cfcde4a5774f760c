"""Back-pressure for each channel: one that is slow, strict or tired delays nobody else, and is left alone itself."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.channels import min_interval, server_lane
from service.errors import Permanent, Temporary
from service.model import Channel, FetchPurpose
from tests.support.app_fixture import NINE, RED, Instance, an_instance

SLACK, MAIL = "web (slack)", "web (mailto)"
SLACK_AND_MAIL = """\
receivers:
  web:
    channels: [slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ, mailto://ci:secret@mail.example.com]
routes:
  - match: {status: failed}
    receiver: web
"""
TIRED = Temporary("web (slack) answered 429", retry_after_s=30)


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    async with an_instance(folder, SLACK_AND_MAIL) as instance:
        yield instance


async def owe(instance: Instance, count: int) -> None:
    """Have so many messages wait for each channel, the first numbered 1."""
    for number in range(1, count + 1):
        delivery = await instance.finish(replace(RED, number=number, subject=f"Change {number}"))
        await instance.process()
        await instance.fetch(delivery, FetchPurpose.MESSAGE)


def numbers(instance: Instance, label: str) -> list[int]:
    """Which messages a channel has taken, in the order it took them."""
    texts = [message.text for to, message in instance.channels.took if to == label]
    return [int(found[1]) for text in texts if (found := re.search(r"Change (\d+)", text))]


def slack_states(instance: Instance) -> list[Any]:
    """The state and reason of each message to Slack, in the order of the builds; they were owed in one moment."""
    return instance.rows(
        "SELECT notifications.state, notifications.reason FROM notifications JOIN events ON events.id = event_id "
        "WHERE channel_kind = 'slack' ORDER BY commit_subject"
    )


@pytest.mark.long
async def test_a_channel_with_a_pace_gets_one_message_at_a_time_and_in_order(instance: Instance) -> None:
    await owe(instance, 4)
    taken = []
    for _ in range(4):
        await instance.drain()
        taken.append(numbers(instance, SLACK))
        await instance.drain(seconds=0.9)
        instance.clock.tick(seconds=0.1)

    assert taken == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.long
async def test_channel_without_interval_is_sent_at_once_beside_waiting_ones(instance: Instance) -> None:
    await owe(instance, 20)

    await instance.drain()

    assert numbers(instance, MAIL) == list(range(1, 21))
    assert numbers(instance, SLACK) == [1]


@pytest.mark.long
async def test_a_channel_that_asks_for_time_is_left_alone_by_every_message(instance: Instance) -> None:
    instance.channels.plan[SLACK] = [TIRED]
    await owe(instance, 3)
    await instance.drain()
    for _ in range(29):
        await instance.drain(seconds=1)

    assert instance.channels.tried.count(SLACK) == 1
    assert numbers(instance, MAIL) == [1, 2, 3]


@pytest.mark.long
async def test_the_message_that_was_refused_for_haste_keeps_its_place(instance: Instance) -> None:
    instance.channels.plan[SLACK] = [TIRED]
    await owe(instance, 3)
    await instance.drain()
    for seconds in (30, 1, 1):
        await instance.drain(seconds=seconds)

    assert numbers(instance, SLACK) == [1, 2, 3]


@pytest.mark.long
async def test_a_message_that_failed_for_another_reason_lets_the_others_go_first(instance: Instance) -> None:
    instance.channels.plan[SLACK] = [Temporary("web (slack) answered 503")]
    await owe(instance, 3)
    await instance.drain()
    for _ in range(8):
        await instance.drain(seconds=1)

    assert numbers(instance, SLACK) == [2, 3, 1]


@pytest.mark.long
async def test_a_refusal_for_good_leaves_the_channel_to_the_others(instance: Instance) -> None:
    instance.channels.plan[SLACK] = [Permanent("web (slack) answered 400")]
    await owe(instance, 2)
    await instance.drain()
    await instance.drain(seconds=1)

    assert numbers(instance, SLACK) == [2]


@pytest.mark.long
async def test_channel_that_asks_for_a_day_gets_it_and_then_every_message(instance: Instance) -> None:
    instance.channels.plan[SLACK] = [Temporary("web (slack) answered 429", retry_after_s=86_400)]
    await owe(instance, 2)
    await instance.drain()
    await instance.drain(minutes=60)
    after_an_hour = slack_states(instance)
    await instance.drain(hours=23)
    await instance.drain(seconds=1)

    assert after_an_hour == [("pending", "web (slack) answered 429"), ("pending", None)]
    assert numbers(instance, SLACK) == [1, 2]


@pytest.mark.long
@pytest.mark.databases("sqlite")  # more than a hundred looks, none of which is about the database
async def test_one_message_at_a_time_tries_a_channel_that_never_answers_and_none_holds_it_for_ever(
    instance: Instance,
) -> None:
    instance.channels.plan[SLACK] = [Temporary("web (slack) did not answer in time", retry_after_s=60)] * 1000
    await owe(instance, 3)
    await instance.drain()
    await instance.drain(seconds=59)
    tried_in_a_minute = instance.channels.tried.count(SLACK)
    while slack_states(instance)[0][0] == "pending":
        await instance.drain(seconds=60)
    of_the_others = [state for state, _ in slack_states(instance)[1:]]
    instance.channels.plan[SLACK] = []
    for _ in range(3):
        await instance.drain(minutes=2)

    assert (tried_in_a_minute, of_the_others) == (1, ["pending", "pending"])
    assert instance.clock() - NINE < timedelta(hours=1, minutes=10)
    assert 25 < instance.channels.tried.count(SLACK) < 60
    assert numbers(instance, SLACK) == [2, 3]


@pytest.mark.long
async def test_message_that_waited_for_hours_still_has_an_hour_of_attempts(instance: Instance) -> None:
    await owe(instance, 1)
    instance.clock.tick(hours=5)
    instance.channels.plan[SLACK] = [Temporary("web (slack) answered 503")] * 2
    await instance.drain()
    await instance.drain(seconds=5)
    await instance.drain(seconds=10)

    assert slack_states(instance) == [("sent", None)]


@pytest.mark.long
async def test_a_restart_does_not_make_us_forget_to_wait(folder: Path) -> None:
    async with an_instance(folder, SLACK_AND_MAIL) as before:
        await owe(before, 2)
        await before.drain()
    async with an_instance(folder, SLACK_AND_MAIL, clock=before.clock) as instance:
        await instance.drain(seconds=0.5)
        too_early = numbers(instance, SLACK)
        await instance.drain(seconds=0.5)

    assert (too_early, numbers(instance, SLACK)) == ([], [2])


def channel(url: str) -> Channel:
    return Channel(key="key", label="label", kind=url.partition("://")[0], url=url)


TEAMS_PATH = "/workflows/643e69f8/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers&sv=1.0&sig=FakeSignature"


@pytest.mark.parametrize(
    ("url", "pause_s"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", 1),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", 1),
        ("https://chat.googleapis.com/v1/spaces/AAAA/messages?key=key&token=token", 1),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", 3),
        ("workflows://prod-12.westeurope.logic.azure.com:443/643e69f8/FakeSignature/", 0.25),
        (f"https://prod-12.westeurope.logic.azure.com:443{TEAMS_PATH}", 0.25),
        (f"https://a1b2.c3.environment.api.powerplatform.com/powerautomate/automations/direct{TEAMS_PATH}", 0.25),
        ("feishu://FakeFeishuToken", 0.6),
        ("lark://FakeLarkToken", 0.6),
        ("https://open.larksuite.com/open-apis/bot/v2/hook/FakeLarkToken", 0.6),
        ("dingtalk://FakeDingTalkToken0123456789", 3),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=fake-wecom-key", 3),
        ("json://hooks.slack.com/elsewhere", 0),
        ("https://example.com", 0),
        ("HTTPS://Hooks.Slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", 1),
        ("mailto://ci:secret@mail.example.com", 0),
    ],
)
def test_a_channel_has_the_pace_that_its_makers_document(url: str, pause_s: float) -> None:
    assert min_interval(channel(url)) == timedelta(seconds=pause_s)


MAILS = """\
receivers:
  web:
    channels:
      - mailto://ci:secret@mail.example.com?to=a@example.com
      - mailtos://ci:secret@example.org?smtp=mail.example.com&to=b@example.com
      - mailto://ci:secret@other.example.com?to=c@example.com
      - json://web.example.com
routes:
  - match: {status: failed}
    receiver: web
"""


@pytest.mark.long
async def test_a_mail_server_gets_one_mail_at_a_time_from_all_its_channels(folder: Path) -> None:
    async with an_instance(folder, MAILS) as instance:
        tried_meanwhile: list[str] = []

        async def hang() -> None:
            for _ in range(200):
                await asyncio.sleep(0.001)
            tried_meanwhile.extend(instance.channels.tried)

        instance.channels.plan["web (mailto)"] = [hang]
        await owe(instance, 1)
        await instance.drain()

    assert sorted(tried_meanwhile) == ["web (json)", "web (mailto 2)", "web (mailto)"]
    assert sorted(instance.channels.told) == ["web (json)", "web (mailto 2)", "web (mailto)", "web (mailtos)"]


@pytest.mark.long
async def test_a_mail_server_that_wants_to_be_left_alone_is_by_all_its_channels(folder: Path) -> None:
    async with an_instance(folder, MAILS) as instance:
        instance.channels.plan["web (mailto)"] = [Temporary("web (mailto) did not answer in time", retry_after_s=60)]
        await owe(instance, 1)
        await instance.drain()
        await instance.drain(seconds=59)
        at_first = sorted(instance.channels.told)
        await instance.drain(seconds=1)

    assert at_first == ["web (json)", "web (mailto 2)"]
    assert sorted(instance.channels.told) == ["web (json)", "web (mailto 2)", "web (mailto)", "web (mailtos)"]


SERVER = "mailto://ci:secret@mail.example.com?to=a@example.com"


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("mailtos://other:fake@Mail.Example.com:465?to=b@example.com", True),
        ("mailto://ci:secret@example.org/?smtp=mail.example.com", True),
        ("mailto://ci:secret@example.org/?smtp=MAIL.example.com:25", True),
        ("deltachat://ci:secret@mail.example.com", True),
        ("mailto://ci:secret@example.org", False),
        ("mailto://[broken", False),
        ("json://mail.example.com", False),
    ],
)
def test_channels_of_one_mail_server_share_a_lane(url: str, is_same: bool) -> None:
    assert (server_lane(channel(url)) == server_lane(channel(SERVER))) is is_same


def test_channel_that_is_not_mail_has_a_lane_of_its_own() -> None:
    assert server_lane(channel("json://mail.example.com")) is None
