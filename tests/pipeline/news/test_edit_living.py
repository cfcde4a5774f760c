"""Edits of living messages: what each shows of an incident that changed without news."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from service.model import Color, Message, News, Update
from tests.support.app_fixture import GREEN, RED, Instance, an_instance
from tests.support.fake_slack import CHANNEL, TOKEN

pytestmark = pytest.mark.databases("sqlite", "postgres")

ROUTES = f"""\
receivers:
  web: {{channels: [{{url: "slack-bot://{TOKEN}/{CHANNEL}", name: "#web"}}]}}
routes:
  - {{name: main, match: {{branch: main}}, receiver: web, act_links: 7d}}
"""


@pytest.fixture
async def instance(folder: Path) -> AsyncIterator[Instance]:
    """A Roundsman that has told of a red, and knows where its message is."""
    async with an_instance(folder, ROUTES, ROUNDSMAN_PUBLIC_URL="https://ci.example.com") as instance:
        await instance.finish(RED)
        await instance.drain()
        instance.change("UPDATE living_messages SET ts = '1.5', slack_channel = 'C1', unsure_since = NULL")
        yield instance


async def edit(instance: Instance) -> Message:
    """Have the message edited; return it."""
    instance.change("UPDATE living_messages SET edit_due_at = '2020-01-01 00:00:00.000000'")
    before = len(instance.channels.took)
    await instance.service.pipeline.edit_living()
    [(_, message)] = instance.channels.took[before:]
    assert (message.update, message.living is not None) == (Update.EDIT, True)
    return message


def color(message: Message) -> Color | None:
    return message.living.color if message.living else None


async def test_red_is_shown_with_the_link_that_was_sent(instance: Instance) -> None:
    [(_, sent)] = instance.channels.took
    message = await edit(instance)

    assert (color(message), message.news) == (Color.RED, News.BROKE)
    assert message.title == sent.title
    assert message.buttons == sent.buttons
    assert any("/link/" in button.url for button in message.buttons)


async def test_later_red_of_an_incident_is_told_as_one(instance: Instance) -> None:
    instance.change("UPDATE incidents SET streak = 2")

    assert (await edit(instance)).news is News.STILL_BROKEN


async def test_red_of_a_branch_without_runs_for_long_is_grey_and_says_so(instance: Instance) -> None:
    [(_, sent)] = instance.channels.took
    instance.clock.tick(days=31)
    message = await edit(instance)

    assert (color(message), message.title) == (Color.GREY, f"{sent.title} (expired: no run for long)")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE incidents SET closed_at = opened_at, closed_because = 'expired'", "expired: no run for long"),
        ("UPDATE incidents SET closed_at = opened_at, merged_into = id", "a later post says otherwise"),
    ],
)
async def test_incident_that_ended_without_a_green_run_is_grey_and_has_no_link(
    instance: Instance, change: str, why: str
) -> None:
    instance.change(change)
    message = await edit(instance)

    assert (color(message), message.title.endswith(f"({why})")) == (Color.GREY, True)
    assert not any("/link/" in button.url for button in message.buttons)


async def test_fixed_incident_is_shown_by_the_run_that_fixed_it(instance: Instance) -> None:
    await instance.finish(GREEN)
    await instance.drain()
    message = await edit(instance)

    assert (color(message), message.news, message.severity) == (Color.GREEN, News.FIXED, "success")


async def test_incident_whose_run_is_forgotten_is_not_edited(instance: Instance) -> None:
    instance.change("UPDATE living_messages SET edit_due_at = '2020-01-01 00:00:00.000000'")
    instance.change("DELETE FROM runs")
    await instance.service.pipeline.edit_living()

    assert len(instance.channels.took) == 1
    assert instance.rows("SELECT edit_due_at FROM living_messages") == [(None,)]


async def test_edit_is_due_at_its_time_and_not_before(instance: Instance) -> None:
    due_at = instance.clock() + timedelta(minutes=1)
    instance.change("UPDATE living_messages SET edit_due_at = ?", f"{due_at:%Y-%m-%d %H:%M:%S}.000000")
    counts = []
    for seconds in (59, 1, 60):
        instance.clock.tick(seconds=seconds)
        await instance.service.pipeline.edit_living()
        counts.append(len(instance.channels.took))

    assert counts == [1, 2, 2]


async def test_message_of_a_channel_that_is_gone_stays_as_it_is(instance: Instance, folder: Path) -> None:
    instance.change("UPDATE living_messages SET edit_due_at = '2020-01-01 00:00:00.000000'")
    async with an_instance(folder, ROUTES.replace(CHANNEL, "C0OTHER"), clock=instance.clock) as without:
        await without.service.pipeline.edit_living()

    assert without.channels.tried == []
    assert instance.rows("SELECT edit_due_at FROM living_messages") == [(None,)]
